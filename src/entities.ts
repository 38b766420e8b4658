import { GithubAppInstallation } from './installations/github-app-installation.entity.js';
import { User } from './users/user.entity.js';

export const ENTITIES = [User, GithubAppInstallation];
