import { BatchedReader, type ReaderDatabase } from '../database/batched-reader.js';
import type { Context } from '../session/context.js';
import type { PermittedUser } from '../users/access.js';
import { User } from '../users/user.entity.js';
import { GithubAppInstallation } from './github-app-installation.entity.js';

type Entity = GithubAppInstallation;

/** An installation of a user. Instants are ISO 8601, UTC, with milliseconds. */
export type InstallationRow = Readonly<
  Omit<Entity, 'user' | 'createdAt' | 'updatedAt'> & { createdAt: string; updatedAt: string }
>;

/** The columns of the documented REST answer, and of most queries. */
export const DOCUMENTED = [
  'id',
  'neptunUserId',
  'githubInstallationId',
  'createdAt',
  'updatedAt',
] as const satisfies (keyof Entity)[];

/** The columns that a read brings: the documented ones, or every column of the entity. */
export type ColumnSet = 'documented' | 'all';

export const INSTALLATION_SLOTS = {
  documented: { shared: 5, isolated: 2 },
  all: { shared: 3, isolated: 1 },
};

export class InstallationReader {
  readonly #readers: Record<ColumnSet, BatchedReader<InstallationRow>>;

  constructor(database: ReaderDatabase) {
    const ofUsers = { entity: GithubAppInstallation, by: 'neptunUserId', owner: User } as const;
    const { documented, all } = INSTALLATION_SLOTS;
    this.#readers = {
      documented: new BatchedReader(database, {
        ...ofUsers,
        columns: DOCUMENTED,
        slots: documented,
      }),
      all: new BatchedReader(database, { ...ofUsers, slots: all }),
    };
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
