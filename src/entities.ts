import { AppState } from './github/app-state.entity.js';
import { Delivery } from './github/delivery.entity.js';
import { GithubAppInstallation } from './installations/github-app-installation.entity.js';
import { InstallationFact } from './installations/installation-fact.entity.js';
import { RepositoryFact } from './repositories/repository-fact.entity.js';
import { User } from './users/user.entity.js';

export const ENTITIES = [
  User,
  GithubAppInstallation,
  InstallationFact,
  RepositoryFact,
  Delivery,
  AppState,
];
