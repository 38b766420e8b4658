import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { CodedError } from '../errors.js';
import { SHARED_STATEMENT_TIMEOUT, STATEMENT_TIMEOUT, within } from '../timeouts.js';
import { isDatabaseUnavailable, isStatementLate, StatementLateError } from './availability.js';
import type { Database } from './database.js';
import { ReadQueue, type Reads } from './read-queue.js';

/** Users whose last read was difficult. */
const REMEMBERED_USERS = 10_000;

export interface ReadStatements<Row, Result> {
  /** Has a row for each user there is. Its parameter is a JSON array of ids: `pg` is slower to write a `text[]`. */
  shared: string;
  /** The same for one user who is read apart, of whom it may have several rows. */
  apart: string;
  /** Under way at a time, at most. */
  atOnce: { shared: number; apart: number };
  /** What the rows of one user say. There is one at least. */
  combine(rows: Row[]): Result;
  /** Whether it is so large that it holds others up. */
  isLarge(result: Result): boolean;
}

interface NamedStatement {
  text: string;
  /** It says the text: behind a pooler, another version's statement must not bear the same. */
  name: string;
}

/**
 * Reads users, those who are asked for at the same time by one SQL statement, whichever requests ask.
 * Nothing of it is kept: what is committed is seen by the next read.
 *
 * Of whom there is very much to read, or who has made a statement fail, is read by statements of their own,
 * so that others wait for nobody. That alone is remembered.
 */
export class SharedReader<Row extends { id: string }, Result> {
  readonly #database: Pick<Database, 'query'>;
  readonly #statements: ReadStatements<Row, Result>;
  readonly #difficult = new LRUCache<string, true>({ max: REMEMBERED_USERS });
  readonly #shared: ReadQueue<Result | null, Row>;
  readonly #apart: ReadQueue<Result | null, Row>;

  constructor(database: Pick<Database, 'query'>, statements: ReadStatements<Row, Result>) {
    this.#database = database;
    this.#statements = statements;
    const [shared, apart] = [named(statements.shared), named(statements.apart)];
    this.#shared = new ReadQueue({
      size: 1_000,
      statements: statements.atOnce.shared,
      timeout: SHARED_STATEMENT_TIMEOUT,
      query: (userIds, timeout) => this.#select(shared, userIds, timeout),
      succeeded: (reads, rows) => this.#answer(reads, rows),
      failed: (reads, cause) => {
        const mayBeOneOfThem = !isDatabaseUnavailable(cause) || isStatementLate(cause);
        if (mayBeOneOfThem) this.#separate(reads);
        else refuse(reads, cause);
      },
    });
    this.#apart = new ReadQueue({
      size: 1,
      statements: statements.atOnce.apart,
      timeout: STATEMENT_TIMEOUT,
      query: (userIds, timeout) => this.#select(apart, userIds, timeout),
      succeeded: (reads, rows) => {
        for (const [userId, read] of reads) {
          this.#difficult.delete(userId);
          read.resolve(rows.length > 0 ? this.#combine(userId, rows.splice(0)) : null);
        }
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
  read(userId: string, until?: number): Promise<Result | null> {
    const queue = this.#difficult.has(userId) ? this.#apart : this.#shared;
    const read = queue.read(userId);
    return until === undefined ? read : within(until - performance.now(), read, unavailable);
  }

  async #select(
    { text, name }: NamedStatement,
    userIds: string[],
    timeout: number,
  ): Promise<Row[]> {
    const values = [JSON.stringify(userIds)];
    return (await this.#database.query<Row>(text, values, { name, timeout })).rows;
  }

  #combine(userId: string, rows: Row[]): Result {
    const result = this.#statements.combine(rows);
    if (this.#statements.isLarge(result)) this.#difficult.set(userId, true);
    return result;
  }

  #answer(reads: Reads<Result | null>, rows: Row[]): void {
    for (const row of rows) {
      reads.get(row.id)?.resolve(this.#combine(row.id, [row]));
      reads.delete(row.id);
    }
    // V8 puts what `pg` keeps them in among the long-lived, and would put a kilobyte of each request there too.
    rows.length = 0;
    // The rest do not exist.
    for (const read of reads.values()) read.resolve(null);
  }

  #separate(reads: Reads<Result | null>): void {
    for (const [userId, read] of reads) {
      this.#difficult.set(userId, true);
      this.#apart.add(userId, read);
    }
  }
}

function named(text: string): NamedStatement {
  return { text, name: `read_${hash('sha256', text).slice(0, 16)}` };
}

function unavailable(cause: unknown = new StatementLateError()): CodedError {
  return new CodedError('SERVICE_UNAVAILABLE', { cause });
}

function refuse<Result>(reads: Reads<Result>, cause: unknown): void {
  const error = isDatabaseUnavailable(cause) ? unavailable(cause) : cause;
  for (const read of reads.values()) read.reject(error);
}
