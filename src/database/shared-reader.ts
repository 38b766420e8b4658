import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { CodedError } from '../errors.js';
import { SHARED_STATEMENT_TIMEOUT, STATEMENT_TIMEOUT, within } from '../timeouts.js';
import { isDatabaseUnavailable, isStatementLate, StatementLateError } from './availability.js';
import type { Database } from './database.js';
import { ReadQueue, type Reads } from './read-queue.js';

/** Users whose last read was difficult. */
const REMEMBERED_USERS = 10_000;

export interface SharedStatement<Row> {
  /** Has a row for each user there is. Its parameter is a JSON array of ids: `pg` is slower to write a `text[]`. */
  text: string;
  /** Under way at a time, at most: for many users, and for one who is read apart. */
  atOnce: { shared: number; apart: number };
  /** Whether a row is so large that it holds others up. */
  isLarge(row: Row): boolean;
}

/**
 * Reads one row a user, those who are asked for at the same time by one SQL statement, whichever requests
 * ask. No row is kept: what is committed is seen by the next read.
 *
 * Whoever has a very large row, or has made a statement fail, is read by statements of their own, so that
 * others wait for nobody. That alone is remembered.
 */
export class SharedReader<Row extends { id: string }> {
  readonly #database: Pick<Database, 'query'>;
  readonly #statement: SharedStatement<Row>;
  /** It says the text: behind a pooler, another version's statement must not bear the same. */
  readonly #name: string;
  readonly #difficult = new LRUCache<string, true>({ max: REMEMBERED_USERS });
  readonly #shared: ReadQueue<Row | null, Row>;
  readonly #apart: ReadQueue<Row | null, Row>;

  constructor(database: Pick<Database, 'query'>, statement: SharedStatement<Row>) {
    this.#database = database;
    this.#statement = statement;
    this.#name = `read_${hash('sha256', statement.text).slice(0, 16)}`;
    this.#shared = new ReadQueue({
      size: 1_000,
      statements: statement.atOnce.shared,
      timeout: SHARED_STATEMENT_TIMEOUT,
      query: (userIds, timeout) => this.#select(userIds, timeout),
      succeeded: (reads, rows) => this.#answer(reads, rows),
      failed: (reads, cause) => {
        const mayBeOneOfThem = !isDatabaseUnavailable(cause) || isStatementLate(cause);
        if (mayBeOneOfThem) this.#separate(reads);
        else refuse(reads, cause);
      },
    });
    this.#apart = new ReadQueue({
      size: 1,
      statements: statement.atOnce.apart,
      timeout: STATEMENT_TIMEOUT,
      query: (userIds, timeout) => this.#select(userIds, timeout),
      succeeded: (reads, rows) => {
        for (const userId of reads.keys()) this.#difficult.delete(userId);
        this.#answer(reads, rows);
      },
      failed: refuse,
    });
  }

  /**
   * @param userId a text that PostgreSQL can hold
   * @param until when it is refused at the latest, by `performance.now()`: sooner than a read by itself
   * @returns `null`: no such user
   * @throws {CodedError} `SERVICE_UNAVAILABLE`
   */
  read(userId: string, until?: number): Promise<Row | null> {
    const queue = this.#difficult.has(userId) ? this.#apart : this.#shared;
    const read = queue.read(userId);
    return until === undefined ? read : within(until - performance.now(), read, unavailable);
  }

  async #select(userIds: string[], timeout: number): Promise<Row[]> {
    const read = { name: this.#name, timeout };
    return (await this.#database.query<Row>(this.#statement.text, [JSON.stringify(userIds)], read))
      .rows;
  }

  #answer(reads: Reads<Row | null>, rows: Row[]): void {
    for (const row of rows) {
      if (this.#statement.isLarge(row)) this.#difficult.set(row.id, true);
      reads.get(row.id)?.resolve(row);
      reads.delete(row.id);
    }
    // V8 puts what `pg` keeps them in among the long-lived, and would put a kilobyte of each request there too.
    rows.length = 0;
    // The rest do not exist.
    for (const read of reads.values()) read.resolve(null);
  }

  #separate(reads: Reads<Row | null>): void {
    for (const [userId, read] of reads) {
      this.#difficult.set(userId, true);
      this.#apart.add(userId, read);
    }
  }
}

function unavailable(cause: unknown = new StatementLateError()): CodedError {
  return new CodedError('SERVICE_UNAVAILABLE', { cause });
}

function refuse<Row>(reads: Reads<Row>, cause: unknown): void {
  const error = isDatabaseUnavailable(cause) ? unavailable(cause) : cause;
  for (const read of reads.values()) read.reject(error);
}
