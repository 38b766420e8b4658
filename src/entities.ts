import { GithubAppInstallation } from './installations/github-app-installation.entity.js';
import { User } from './users/user.entity.js';

/** The entities of every feature, for TypeORM. */
export const ENTITIES = [User, GithubAppInstallation];
