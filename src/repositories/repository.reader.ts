import { BatchedReader, type ReaderDatabase } from '../database/batched-reader.js';
import { keyOfPage, type Page, type PageKey, pagePlan } from '../database/page-plan.js';
import { GithubGrant } from '../grants/grant.entity.js';
import type { InstallationRow } from '../installations/installation.reader.js';
import type { Context } from '../session/context.js';
import { RepositoryFact } from './repository-fact.entity.js';

/** A repository that an installation reaches. Instants are ISO 8601, UTC, with milliseconds. */
export type RepositoryRow = Readonly<
  Omit<RepositoryFact, 'installation' | 'installationId' | 'updatedAt' | 'pushedAt'> & {
    updatedAt: string | null;
    pushedAt: string | null;
  }
>;

export const REPOSITORY_SLOTS = { shared: 2, isolated: 1 };

export class RepositoryReader {
  readonly #pages: BatchedReader<Page<RepositoryRow>>;

  constructor(database: ReaderDatabase) {
    this.#pages = new BatchedReader(database, {
      plan: pagePlan({
        entity: RepositoryFact,
        of: 'installationId',
        by: 'name',
        except: 'isPrivate',
        // What is private at GitHub is shown to those whose own proof listed it, and to nobody else.
        shown: {
          entity: GithubGrant,
          viewer: 'userId',
          list: 'installationId',
          ids: 'repositoryIds',
          until: 'expiresAt',
          kind: ['kind', 'own_proof'],
        },
      }),
      slots: REPOSITORY_SLOTS,
    });
  }

  /**
   * A page of the repositories of an installation that its user may see.
   *
   * @returns ordered by name in lower case, then by id; `null`: there are none whatsoever
   */
  read(
    { githubInstallationId: list, neptunUserId: viewer }: InstallationRow,
    page: Omit<PageKey, 'list' | 'viewer'>,
    { reads }: Context,
  ): Promise<Page<RepositoryRow> | null> {
    const key = keyOfPage({ list, viewer, ...page });
    return reads.once(`repositories ${key}`, () => this.#pages.read(key));
  }
}
