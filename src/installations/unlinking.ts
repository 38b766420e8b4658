import type { DataSource } from 'typeorm';
import { isPassing, sqlStateOf } from '../database/availability.js';
import { opened } from '../database/data-source.js';
import type { Database } from '../database/database.js';
import { boundedTransaction } from '../database/repeated-transaction.js';
import { CodedError } from '../errors.js';
import { unlink } from '../grants/unlink.js';
import type { PermittedUser } from '../users/access.js';

export interface UnlinkingOptions {
  database: Pick<Database, 'notReadyReason' | 'report'>;
  /** Apart from the connections of reads; of the embedded database, the only one. */
  dataSource: DataSource;
}

/** What this role, or this session, may not write. */
const READ_ONLY_STATES = ['25006', '42501'];
const READ_ONLY = 'This server may not change the installations of users: ask its operator';

/** Removes installations from the lists of users. */
export class Unlinking {
  readonly #options: UnlinkingOptions;

  constructor(options: UnlinkingOptions) {
    this.#options = options;
  }

  /**
   * @param rowId the id of the link, as lists have it
   * @returns GitHub's id of the installation; `null`: the user has no such link
   * @throws {CodedError} `SERVICE_UNAVAILABLE`: nothing was changed
   */
  async unlink({ id }: PermittedUser, rowId: string): Promise<string | null> {
    const { database, dataSource } = this.#options;
    if (database.notReadyReason !== null) throw new CodedError('SERVICE_UNAVAILABLE');
    try {
      await opened(dataSource);
      return await boundedTransaction(dataSource, (manager) => unlink(manager, id, rowId));
    } catch (error) {
      const state = sqlStateOf(error) ?? '';
      if (READ_ONLY_STATES.includes(state))
        throw new CodedError('SERVICE_UNAVAILABLE', { message: READ_ONLY });
      if (!isPassing(error)) throw error;
      database.report(error);
      throw new CodedError('SERVICE_UNAVAILABLE');
    }
  }
}

/** @throws {CodedError} `NOT_FOUND` where the user has no such link */
export function foundInstallation<Value>(value: Value | null): Value {
  if (value === null) throw new CodedError('NOT_FOUND', { message: 'Installation not found' });
  return value;
}
