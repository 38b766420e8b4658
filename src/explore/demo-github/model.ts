import { generateKeyPairSync, type KeyObject } from 'node:crypto';

/** A GitHub App. */
export interface App {
  id: number;
  slug: string;
  name: string;
  clientId: string;
  clientSecret: string;
  permissions: Record<string, string>;
  /** Those that a setting of the App subscribes to; `installation`, `installation_repositories` and authorizations always come. */
  events: string[];
  owner: Account;
  publicKey: KeyObject;
  /** `null`: it has none. */
  webhook: Webhook | null;
}

interface Webhook {
  url: string;
  secret: string;
}

export interface Account {
  id: number;
  /** Of an enterprise, its slug. */
  login: string;
  type: 'User' | 'Organization' | 'Enterprise';
}

export interface Repository {
  id: number;
  owner: Account;
  name: string;
  visibility: 'public' | 'private' | 'internal';
  /** Who may see it while it is not public; `null`: all members of its organization. */
  readers: ReadonlySet<Account> | null;
  archived: boolean;
  description: string | null;
  homepage: string | null;
  language: string | null;
  license: { key: string; name: string; spdx_id: string } | null;
  fork: boolean;
  isTemplate: boolean;
  disabled: boolean;
  defaultBranch: string;
  size: number;
  createdAt: Date;
  updatedAt: Date;
  pushedAt: Date | null;
}

export interface Installation {
  id: number;
  app: App;
  account: Account;
  /** `null`: all of the account. */
  selected: Set<Repository> | null;
  permissions: Record<string, string>;
  events: string[];
  createdAt: Date;
  updatedAt: Date;
  suspendedAt: Date | null;
}

/** Somebody has asked the owners of an organization to install the App. */
export interface InstallationRequest {
  id: number;
  app: App;
  account: Account;
  requester: Account;
  createdAt: Date;
}

export interface UserToken {
  app: App;
  user: Account;
}

/** The keys of an App; the private one as GitHub gives it. */
export function createKeys() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { publicKey, pem: privateKey.export({ type: 'pkcs1', format: 'pem' }) as string };
}
