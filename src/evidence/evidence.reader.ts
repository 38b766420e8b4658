import { escapeLiteral } from 'pg';
import { BatchedReader, type ReaderDatabase } from '../database/batched-reader.js';
import { keyedStatement, type MakePlan } from '../database/read-plan.js';
import { GithubAllowedAccount } from '../grants/allowed-account.entity.js';
import { isServedSql } from '../grants/allowed-accounts.js';
import { type EvidenceKind, GithubGrant } from '../grants/grant.entity.js';
import { GithubIdentity } from '../grants/identity.entity.js';
import { GithubInstallationRequest } from '../grants/installation-request.entity.js';
import { GithubLink } from '../grants/link.entity.js';
import type { InstallationRow } from '../installations/installation.reader.js';
import { InstallationFact } from '../installations/installation-fact.entity.js';
import type { Context } from '../session/context.js';
import type { PermittedUser } from '../users/access.js';

/** Times are milliseconds since the epoch. */
export interface GrantRow {
  installationId: string;
  kind: EvidenceKind;
  provedAt: number;
  /** `null`: it does not end by time. */
  expiresAt: number | null;
  /** The user has unlinked it, GitHub does not know it, or its account is not served: it would not be seen in any case. */
  isMoot: boolean;
}

export interface RequestRow {
  accountId: string;
  accountLogin: string | null;
  accountType: string | null;
  accountAvatarUrl: string | null;
  accountUrl: string | null;
  requestedAt: number;
}

/** What is known of a user at GitHub. */
export interface Evidence {
  account: { id: string; login: string | null } | null;
  grants: readonly GrantRow[];
  requests: readonly RequestRow[];
}

const NOTHING: Evidence = { account: null, grants: [], requests: [] };

export const EVIDENCE_SLOTS = { shared: 2, isolated: 1 };

/** Tables of this program alone, so that their columns are as its migrations make them. */
const TABLES = [
  GithubAllowedAccount,
  GithubIdentity,
  GithubGrant,
  GithubLink,
  GithubInstallationRequest,
  InstallationFact,
];
const MILLISECONDS = (column: string) => `floor(extract(epoch FROM ${column}) * 1000)`;
/** @param isServed condition on the facts `f` of an installation */
const foundSql = (isServed: string) => `json_build_array((
  SELECT json_build_object(
    'account', (SELECT json_build_object('id', i.github_id::text, 'login', i.login)
      FROM github_identity i WHERE i.user_id = k.id),
    'grants', coalesce((
      SELECT json_agg(json_build_object(
        'installationId', g.installation_id::text, 'kind', g.kind,
        'provedAt', ${MILLISECONDS('g.proved_at')}, 'expiresAt', ${MILLISECONDS('g.expires_at')},
        'isMoot', l.declined_at IS NOT NULL OR f.missing_since IS NOT NULL
          OR NOT (${isServed})) ORDER BY g.kind)
      FROM github_grant g
      LEFT JOIN github_link l ON l.user_id = g.user_id AND l.installation_id = g.installation_id
      LEFT JOIN github_fact_installation f ON f.id = g.installation_id
      WHERE g.user_id = k.id), '[]'),
    'requests', coalesce((
      SELECT json_agg(json_build_object(
        'accountId', r.account_id::text, 'accountLogin', r.account_login, 'accountType', r.account_type,
        'accountAvatarUrl', r.account_avatar_url, 'accountUrl', r.account_url,
        'requestedAt', ${MILLISECONDS('r.requested_at')}) ORDER BY r.requested_at, r.request_id)
      FROM github_identity i JOIN github_installation_request r ON r.requester_id = i.github_id
      WHERE i.user_id = k.id), '[]'))))::text`;

export class EvidenceReader {
  readonly #users: BatchedReader<Evidence>;

  /** @param allowedAccounts logins of the only accounts that are served; `null`: all are */
  constructor(database: ReaderDatabase, allowedAccounts: readonly string[] | null) {
    // A read's only parameter is its keys.
    const logins = allowedAccounts?.map((login) => escapeLiteral(login)).join(', ');
    const found = foundSql(
      isServedSql(logins === undefined ? 'NULL::text[]' : `ARRAY[${logins}]::text[]`),
    );
    const plan: MakePlan<Evidence> = (tableOf) => {
      const isThere = TABLES.every((entity) => tableOf(entity).primary.type !== null);
      return {
        text: keyedStatement('text', isThere ? found : 'NULL'),
        keyType: 'text',
        answerOf: (_key, [evidence]) => evidence as Evidence,
      };
    };
    this.#users = new BatchedReader(database, { plan, slots: EVIDENCE_SLOTS });
  }

  ofUser({ id }: PermittedUser, context: Context): Promise<Evidence> {
    return this.#read(id, context);
  }

  /** @returns what is live of one installation of a user */
  async ofInstallation(
    { neptunUserId, githubInstallationId }: InstallationRow,
    context: Context,
  ): Promise<readonly GrantRow[]> {
    const { grants } = await this.#read(neptunUserId, context);
    return grants.filter((grant) => grant.installationId === githubInstallationId && isLive(grant));
  }

  async #read(userId: string, { reads }: Context): Promise<Evidence> {
    return (await reads.once(`evidence ${userId}`, () => this.#users.read(userId))) ?? NOTHING;
  }
}

export function isLive({ expiresAt }: GrantRow): boolean {
  return expiresAt === null || expiresAt > Date.now();
}
