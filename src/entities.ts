import { AppState } from './github/app-state.entity.js';
import { GithubFlow } from './github/connect/flow.entity.js';
import { Delivery } from './github/delivery.entity.js';
import { GithubAllowedAccount } from './grants/allowed-account.entity.js';
import { GithubGrant } from './grants/grant.entity.js';
import { GithubIdentity } from './grants/identity.entity.js';
import { GithubInstallationRequest } from './grants/installation-request.entity.js';
import { GithubLink } from './grants/link.entity.js';
import { GithubMember } from './grants/member.entity.js';
import { GithubMemberList } from './grants/member-list.entity.js';
import { GithubSender } from './grants/sender.entity.js';
import { GithubAppInstallation } from './installations/github-app-installation.entity.js';
import { InstallationFact } from './installations/installation-fact.entity.js';
import { ImportedRepository } from './repositories/imported-repository.entity.js';
import { RepositoryFact } from './repositories/repository-fact.entity.js';
import { User } from './users/user.entity.js';

export const ENTITIES = [
  User,
  GithubAppInstallation,
  InstallationFact,
  RepositoryFact,
  Delivery,
  AppState,
  GithubIdentity,
  GithubGrant,
  GithubLink,
  GithubSender,
  GithubMember,
  GithubMemberList,
  GithubAllowedAccount,
  GithubInstallationRequest,
  GithubFlow,
  ImportedRepository,
];
