import type { DataSource, EntityManager } from 'typeorm';
import { repeatedTransaction } from '../database/repeated-transaction.js';
import { CodedError } from '../errors.js';
import type { Grants } from '../grants/grants.js';
import { bind, type GithubUser, identityOf } from '../grants/identities.js';
import { storeProofs } from '../grants/own-proofs.js';
import { isOlder, knownOf } from './effect.js';
import {
  addMissingRepositories,
  lockInstallation,
  markDirty,
  updateInstallation,
} from './fact-store.js';
import type { InstallationFacts, RepositoryFacts } from './from-github.js';

/** What GitHub listed to a user by the user's own token. */
export interface Proof {
  userId: string;
  github: { id: string; login: string };
  /** Of this App alone. */
  installations: readonly ProvedInstallation[];
  /** Whether all pages of installations have arrived: what they lack, the user may not see any more. */
  complete: boolean;
  /** Milliseconds since the epoch, before GitHub was asked. */
  startedAt: number;
  /** The installation that the user named when starting the flow from a page of ours: it is declined no more. */
  wanted: string | null;
}

export interface ProvedInstallation {
  facts: InstallationFacts;
  /** All that GitHub listed to the user. */
  repositories: readonly RepositoryFacts[];
}

/** What is so of an installation after a proof. */
export interface ProvedState {
  id: string;
  login: string | null;
  state: 'linked' | 'declined' | 'suspended' | 'not-served' | 'not-insertable' | 'gone';
}

/** The user is bound to another GitHub account. */
export class OtherAccountError extends Error {
  constructor(
    readonly bound: GithubUser,
    /** Of the other account. */
    readonly login: string,
  ) {
    super('The user is bound to another GitHub account');
  }
}

/** The account has withdrawn its authorization since GitHub was asked. */
export class OutdatedProofError extends Error {}

export interface ProofsOptions {
  /** Where they are written; `null`: nowhere for the moment. */
  dataSource: () => DataSource | null;
  grants: Grants;
  /** Whether GitHub is asked about what is marked. */
  isAsked: boolean;
  /** After the commit of a mark. */
  wake: () => void;
}

export class Proofs {
  readonly #options: ProofsOptions;

  constructor(options: ProofsOptions) {
    this.#options = options;
  }

  /** The GitHub account that the user is bound to; `null`: none yet. @throws {CodedError} where there is no database */
  async boundTo(userId: string): Promise<GithubUser | null> {
    const identity = await identityOf(this.#dataSource().manager, userId);
    return identity && { id: identity.githubId, login: identity.login };
  }

  /**
   * Writes grants and facts in one transaction.
   *
   * @throws {OtherAccountError}
   * @throws {OutdatedProofError}
   * @throws {CodedError} where there is no database
   */
  async write(proof: Proof): Promise<readonly ProvedState[]> {
    const dataSource = this.#dataSource();
    await repeatedTransaction(dataSource, (manager) => this.#write(manager, proof));
    this.#options.wake();
    return this.#states(dataSource.manager, proof);
  }

  async #write(manager: EntityManager, proof: Proof): Promise<void> {
    const { userId, github, startedAt } = proof;
    const { grants } = this.#options;
    const identity = await bind(manager, userId, github, 'proof');
    if (identity.githubId !== github.id)
      throw new OtherAccountError({ id: identity.githubId, login: identity.login }, github.login);
    if (identity.revokedAt && identity.revokedAt.getTime() >= startedAt)
      throw new OutdatedProofError();
    const ordered = [...proof.installations].sort((a, b) =>
      BigInt(a.facts.id) < BigInt(b.facts.id) ? -1 : 1,
    );
    for (const installation of ordered) await this.#writeFacts(manager, installation);
    await storeProofs(manager, {
      ...proof,
      expiresAt: new Date(startedAt + grants.rules.proofDays * 86_400_000),
      listed: ordered.map(({ facts: { id, accountId }, repositories }) => ({
        id,
        accountId,
        privateIds: repositories
          .filter(({ isPrivate }) => isPrivate)
          .map((repository) => repository.id),
      })),
    });
    await grants.settle(manager, { users: [userId] });
  }

  /** What is known from GitHub's own answer to the App stays; else the user's answer is the best there is. */
  async #writeFacts(
    manager: EntityManager,
    { facts, repositories }: ProvedInstallation,
  ): Promise<void> {
    const { isAsked } = this.#options;
    const known = await lockInstallation(manager, facts.id);
    if (known.deletedAt) return;
    if (!known.fetchedAt && !isOlder(facts.updatedAt, known.updatedAt))
      await updateInstallation(manager, known, {
        ...knownOf(facts),
        suspendedAt: facts.suspendedAt ?? known.suspendedAt,
      });
    if (isAsked && (!known.fetchedAt || known.missingSince)) await markDirty(manager, facts.id);
    if (!isAsked) await addMissingRepositories(manager, facts.id, repositories.map(knownOf));
  }

  async #states(manager: EntityManager, { userId, installations }: Proof): Promise<ProvedState[]> {
    const ids = installations.map(({ facts }) => facts.id);
    const rows: { id: string; state: ProvedState['state'] }[] = await manager.query(SELECT_STATES, [
      userId,
      ids,
      this.#options.grants.rules.allowedAccounts,
    ]);
    const states = new Map(rows.map(({ id, state }) => [id, state]));
    return installations.map(({ facts }) => ({
      id: facts.id,
      login: facts.accountLogin,
      state: states.get(facts.id) ?? 'gone',
    }));
  }

  #dataSource(): DataSource {
    const dataSource = this.#options.dataSource();
    if (!dataSource) throw new CodedError('SERVICE_UNAVAILABLE');
    return dataSource;
  }
}

/** `$1`: the user. `$2`: ids of installations. `$3`: logins of allowed accounts; NULL: all are. */
const SELECT_STATES = `
  SELECT f.id::text AS id, CASE
    WHEN f.deleted_at IS NOT NULL THEN 'gone'
    WHEN $3::text[] IS NOT NULL AND NOT EXISTS (
      SELECT FROM github_allowed_account a WHERE a.account_id = f.account_id AND a.login = ANY($3::text[])) THEN 'not-served'
    WHEN l.declined_at IS NOT NULL THEN 'declined'
    WHEN l.obstacle IS NOT NULL AND l.row_id IS NULL THEN 'not-insertable'
    WHEN NOT EXISTS (SELECT FROM github_grant g WHERE g.user_id = $1 AND g.installation_id = f.id) THEN 'gone'
    WHEN f.suspended_at IS NOT NULL THEN 'suspended'
    ELSE 'linked' END AS state
  FROM github_fact_installation f
  LEFT JOIN github_link l ON l.user_id = $1 AND l.installation_id = f.id
  WHERE f.id = ANY($2::bigint[])`;
