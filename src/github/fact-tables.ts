import type { DataSource } from 'typeorm';
import type { Tables } from '../database/tables.js';
import { GithubAllowedAccount } from '../grants/allowed-account.entity.js';
import { GithubGrant } from '../grants/grant.entity.js';
import { GithubIdentity } from '../grants/identity.entity.js';
import { GithubInstallationRequest } from '../grants/installation-request.entity.js';
import { GithubLink } from '../grants/link.entity.js';
import { GithubMember } from '../grants/member.entity.js';
import { GithubMemberList } from '../grants/member-list.entity.js';
import { GithubSender } from '../grants/sender.entity.js';
import { InstallationFact } from '../installations/installation-fact.entity.js';
import { RepositoryFact } from '../repositories/repository-fact.entity.js';
import { AppState } from './app-state.entity.js';
import { GithubFlow } from './connect/flow.entity.js';
import { Delivery } from './delivery.entity.js';

const SELECT_RIGHTS = `
  SELECT quote_ident(current_user) AS role, name, (
    SELECT bool_and(has_table_privilege(to_regclass(quote_ident(name)), needed))
    FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS needed) AS writable
  FROM unnest($1::text[]) AS name`;

const WRITTEN = [
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
];

/** `writable`: `null`: the search path has no such table. */
interface Rights {
  role: string;
  name: string;
  writable: boolean | null;
}

/** @returns why this role cannot write what GitHub says, with the remedy; `null`: it can */
export async function findObstacle(
  dataSource: DataSource,
  origin: Tables['origin'] | undefined,
): Promise<string | null> {
  const names = WRITTEN.map((entity) => dataSource.getMetadata(entity).tableName);
  const rights: Rights[] = await dataSource.query(SELECT_RIGHTS, [names]);
  if (rights.some(({ writable }) => writable === null)) {
    const option = origin === 'other' ? ' --adopt' : '';
    return `the tables for what GitHub says are not there: run npm run cli -- migrate${option}`;
  }
  const barred = rights.filter(({ writable }) => !writable);
  if (barred.length === 0) return null;
  const tables = barred.map(({ name }) => name).join(', ');
  return `this role may not write what GitHub says: GRANT SELECT, INSERT, UPDATE, DELETE ON ${tables} TO ${barred[0]?.role}`;
}
