import { BatchedReader, type ReaderDatabase } from '../database/batched-reader.js';
import { rowsPlan } from '../database/rows-plan.js';
import type { Context } from '../session/context.js';
import type { PermittedUser } from './access.js';
import { User } from './user.entity.js';

export interface UserRow {
  readonly id: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

export const USER_SLOTS = { shared: 2, isolated: 1 };

export class UserReader {
  readonly #rows: BatchedReader<UserRow[]>;

  constructor(database: ReaderDatabase) {
    const plan = rowsPlan<UserRow>({ entity: User, by: 'id' });
    this.#rows = new BatchedReader(database, { plan, slots: USER_SLOTS });
  }

  /** @returns `null`: there is no such user */
  async read({ id }: PermittedUser, { reads }: Context): Promise<UserRow | null> {
    const rows = await reads.once(`user ${id}`, () => this.#rows.read(id));
    return rows?.[0] ?? null;
  }
}
