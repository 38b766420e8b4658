import { BatchedReader, type ReaderDatabase } from '../database/batched-reader.js';
import { type RowsOptions, rowsPlan } from '../database/rows-plan.js';
import { GithubLink } from '../grants/link.entity.js';
import type { Context } from '../session/context.js';
import type { PermittedUser } from '../users/access.js';
import { User } from '../users/user.entity.js';
import { GithubAppInstallation } from './github-app-installation.entity.js';
import { InstallationFact } from './installation-fact.entity.js';

type Entity = GithubAppInstallation;

/** An installation of a user. Instants are ISO 8601, UTC, with milliseconds. */
export type InstallationRow = Readonly<
  Omit<Entity, 'user' | 'createdAt' | 'updatedAt'> & {
    createdAt: string;
    updatedAt: string;
    /** `null`: GitHub has said nothing of it. */
    facts: FactsRow | null;
  }
>;

const FACTS = [
  'accountId',
  'accountLogin',
  'accountType',
  'accountAvatarUrl',
  'accountUrl',
  'htmlUrl',
  'repositorySelection',
  'permissions',
  'suspendedAt',
] as const satisfies (keyof InstallationFact)[];

type FactsRow = Readonly<
  Omit<Pick<InstallationFact, 'id' | (typeof FACTS)[number]>, 'suspendedAt'> & {
    suspendedAt: string | null;
  }
>;

/** The columns of the documented REST answer, and of most queries. */
export const DOCUMENTED = [
  'id',
  'neptunUserId',
  'githubInstallationId',
  'createdAt',
  'updatedAt',
] as const satisfies (keyof Entity)[];

/** What a read brings: the documented columns, or every column of the entity, and what GitHub says. */
export type ColumnSet = 'documented' | 'all';

export const INSTALLATION_SLOTS = {
  documented: { shared: 5, isolated: 2 },
  all: { shared: 3, isolated: 1 },
};

/** Rows of a user; an installation that is uninstalled, or that GitHub does not know, is not among them. */
const OF_USER = {
  entity: GithubAppInstallation,
  by: 'neptunUserId',
  owner: User,
  facts: {
    entity: InstallationFact,
    on: 'githubInstallationId',
    columns: FACTS,
    hiddenBy: ['deletedAt', 'missingSince'],
  },
  hidden: { entity: GithubLink, row: 'rowId', by: 'hiddenAt' },
} satisfies RowsOptions;

export const INSTALLATION_PLANS = {
  documented: rowsPlan<InstallationRow>({ ...OF_USER, columns: DOCUMENTED }),
  all: rowsPlan<InstallationRow>(OF_USER),
};

export class InstallationReader {
  readonly #readers: Record<ColumnSet, BatchedReader<InstallationRow[]>>;

  constructor(database: ReaderDatabase) {
    const readerOf = (set: ColumnSet) =>
      new BatchedReader(database, {
        plan: INSTALLATION_PLANS[set],
        slots: INSTALLATION_SLOTS[set],
      });
    this.#readers = { documented: readerOf('documented'), all: readerOf('all') };
  }

  /** Installations ordered by id; `null`: there is no such user. */
  read(
    { id }: PermittedUser,
    { reads }: Context,
    columns: ColumnSet,
  ): Promise<readonly InstallationRow[] | null> {
    return reads.once(`installations ${columns} ${id}`, () => this.#readers[columns].read(id));
  }
}
