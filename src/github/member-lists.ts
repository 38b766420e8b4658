import type { DataSource } from 'typeorm';
import { repeatedTransaction } from '../database/repeated-transaction.js';
import type { Grants } from '../grants/grants.js';
import { LATER } from '../grants/members.js';
import { type GithubClients, isOfApp, rateLimitOf } from './client.js';
import { idOf, objectsOf } from './from-github.js';

export interface MemberListsOptions {
  dataSource: DataSource;
  clients: GithubClients;
  grants: Grants;
  /** A list could not be asked for or written; it is due again. */
  onFailure: (error: unknown, accountId: string) => void;
}

interface Due {
  accountId: string;
  version: number;
}

/** Seconds that an instance has for one list; then it is due again. */
const LEASE = 120;
const CLAIM = `
  UPDATE github_member_list SET due_at = now() + interval '${LEASE} seconds'
  WHERE account_id = (
    SELECT account_id FROM github_member_list WHERE due_at <= now() ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
  RETURNING account_id::text AS "accountId", version`;
/** One through which GitHub lists the members. Without the permission nobody is taken for a former member. */
const SELECT_INSTALLATION = `
  SELECT id::text AS id, account_login AS login FROM github_fact_installation
  WHERE account_id = $1 AND account_type = 'Organization' AND account_login IS NOT NULL AND permissions->>'members' IS NOT NULL
    AND deleted_at IS NULL AND missing_since IS NULL AND suspended_at IS NULL
  ORDER BY id LIMIT 1`;

/** As a text, as the types of Octokit's own routes lack a signal. */
const MEMBERS: string = 'GET /orgs/{org}/members';
/** Answers where the installation has just gone, or its account has another name: what is known will say so soon. */
const OUTDATED = [401, 404];

/** Asks GitHub for the members of organizations, whose lists are due. */
export class MemberLists {
  readonly #options: MemberListsOptions;

  constructor(options: MemberListsOptions) {
    this.#options = options;
  }

  /**
   * Until none is due.
   *
   * @throws {RequestError} of Octokit, where GitHub refuses the App itself, for whichever list
   */
  async refresh(signal: AbortSignal): Promise<void> {
    const { dataSource } = this.#options;
    while (!signal.aborted) {
      const [[due]]: [Due[]] = await dataSource.query(CLAIM);
      if (!due) return;
      await this.#list(due, signal);
    }
  }

  /** What fails is due again after the lease, or when GitHub wants to be asked again. */
  async #list({ accountId, version }: Due, signal: AbortSignal): Promise<void> {
    const { dataSource, grants, onFailure } = this.#options;
    const [installation]: { id: string; login: string }[] = await dataSource.query(
      SELECT_INSTALLATION,
      [accountId],
    );
    try {
      const members = installation && (await this.#fetch(installation, signal));
      if (!members) return await this.#setDue(accountId, LATER);
      const isWritten = await repeatedTransaction(dataSource, (manager) =>
        grants.setMembers(manager, accountId, members, version),
      );
      if (!isWritten) await this.#setDue(accountId, 'now');
    } catch (error) {
      const { status } = error as { status?: number };
      const wait = rateLimitOf(error);
      if (isOfApp(error) && (status === 401 || wait !== null)) throw error;
      if (wait !== null)
        await this.#setDue(accountId, new Date(Date.now() + wait * 1000).toISOString());
      if (!OUTDATED.includes(status ?? 0) && !signal.aborted) onFailure(error, accountId);
    }
  }

  /** @returns `null`: the installation may not list them */
  async #fetch(
    { id, login }: { id: string; login: string },
    signal: AbortSignal,
  ): Promise<string[] | null> {
    const client = await this.#options.clients.ofInstallation(id);
    const ids = new Set<string>();
    try {
      for await (const { data } of client.paginate.iterator(MEMBERS, {
        org: login,
        per_page: 100,
        request: { signal },
      })) {
        for (const member of objectsOf(data)) {
          const githubId = idOf(member.id);
          if (githubId !== null) ids.add(githubId);
        }
      }
    } catch (error) {
      const { status } = error as { status?: number };
      if (status === 403 && rateLimitOf(error) === null) return null;
      throw error;
    }
    return [...ids];
  }

  async #setDue(accountId: string, at: string): Promise<void> {
    await this.#options.dataSource.query(
      'UPDATE github_member_list SET due_at = $2 WHERE account_id = $1',
      [accountId, at],
    );
  }
}
