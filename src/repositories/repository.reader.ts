import { BatchedReader, type ReaderDatabase } from '../database/batched-reader.js';
import { keyOfPage, type Page, type PageKey, pagePlan } from '../database/page-plan.js';
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
      // Nobody is known to see what is private at GitHub.
      plan: pagePlan({
        entity: RepositoryFact,
        of: 'installationId',
        by: 'name',
        except: 'isPrivate',
      }),
      slots: REPOSITORY_SLOTS,
    });
  }

  /**
   * A page of the public repositories of an installation that its user may see.
   *
   * @returns ordered by name in lower case, then by id; `null`: there are none whatsoever
   */
  read(
    { githubInstallationId: list }: InstallationRow,
    page: Omit<PageKey, 'list'>,
    { reads }: Context,
  ): Promise<Page<RepositoryRow> | null> {
    const key = keyOfPage({ list, ...page });
    return reads.once(`repositories ${key}`, () => this.#pages.read(key));
  }
}
