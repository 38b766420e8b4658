import { hash } from 'node:crypto';
import { CodedError } from '../errors.js';
import { READ_TIMEOUT, SHARED_STATEMENT_TIMEOUT } from '../timeouts.js';
import { isDatabaseUnavailable, isStatementTimeout } from './availability.js';
import { holdsId } from './column-types.js';
import type { Database } from './database.js';
import { ReadQueue, type Reads } from './read-queue.js';
import { readStatement } from './read-statement.js';
import { rowsOf } from './row-values.js';

export type ReaderDatabase = Pick<Database, 'query' | 'tableOf'>;

type Entity = new () => object;

/** Statements of a reader in flight, at most: for many keys, and for one key whose batch has failed. */
interface Slots {
  shared: number;
  isolated: number;
}

export interface ReaderOptions {
  entity: Entity;
  /** The property that holds the key of a read. */
  by: string;
  /** The column set: the properties that a row brings; absent: all of them. */
  columns?: readonly string[];
  /** The entity of the key: a key with an owner and no rows gives `[]`. Absent: it gives `null`. */
  owner?: Entity;
  slots: Slots;
}

/** The one row of a statement: see `readStatement`. */
interface Batch {
  json: string | null;
}

interface Statement<Row> {
  text: string;
  /** Derived from the text: behind a pooler, another version's statement must not have the same name. */
  name: string;
  keyType: string;
  rowsOf(key: string, values: readonly unknown[]): Row[];
}

const BATCH_SIZE = 1_000;

/** Reads the keys of many requests by one SQL statement, and caches nothing. Reads of a failed batch are isolated. */
export class BatchedReader<Row> {
  readonly #database: ReaderDatabase;
  readonly #options: ReaderOptions;
  readonly #shared: ReadQueue<Row[] | null, Batch>;
  #statement: Statement<Row> | undefined;

  constructor(database: ReaderDatabase, options: ReaderOptions) {
    this.#database = database;
    this.#options = options;
    const query = (keys: string[], timeout: number) => this.#select(keys, timeout);
    const succeeded = (reads: Reads<Row[] | null>, rows: Batch[]) => this.#answer(reads, rows);
    const isolated = new ReadQueue<Row[] | null, Batch>({
      size: 1,
      statements: options.slots.isolated,
      timeout: READ_TIMEOUT,
      query,
      succeeded,
      failed: refuse,
    });
    this.#shared = new ReadQueue({
      size: BATCH_SIZE,
      statements: options.slots.shared,
      timeout: SHARED_STATEMENT_TIMEOUT,
      query,
      succeeded,
      failed(reads, cause) {
        const mayBeOneOfThem = !isDatabaseUnavailable(cause) || isStatementTimeout(cause);
        if (!mayBeOneOfThem) return refuse(reads, cause);
        for (const [key, read] of reads) isolated.add(key, read);
      },
    });
  }

  /** Rows ordered by primary key; `null`: there is nothing by that key. @throws {CodedError} `SERVICE_UNAVAILABLE` */
  read(key: string): Promise<Row[] | null> {
    try {
      this.#statement ??= this.#build();
    } catch (cause) {
      return Promise.reject(refusal(cause));
    }
    if (!holdsId(this.#statement.keyType, key)) return Promise.resolve(null);
    return this.#shared.read(key);
  }

  async #select(keys: string[], timeout: number): Promise<Batch[]> {
    const { text, name } = this.#statement as Statement<Row>;
    const values = [JSON.stringify(keys)];
    return (await this.#database.query<Batch>(text, values, { name, timeout })).rows;
  }

  #answer(reads: Reads<Row[] | null>, rows: Batch[]): void {
    const { rowsOf } = this.#statement as Statement<Row>;
    const found = JSON.parse(rows[0]?.json ?? '[]') as (string | unknown[])[];
    // V8 takes what `pg` keeps them in for long-lived, and would move a kilobyte of each request there too.
    rows.length = 0;
    for (let at = 0; at < found.length; at += 2) {
      const key = found[at] as string;
      const read = reads.get(key);
      read?.resolve(rowsOf(key, found[at + 1] as unknown[]));
      reads.delete(key);
    }
    for (const read of reads.values()) read.resolve(null);
  }

  #build(): Statement<Row> {
    const { entity, by, columns: set, owner } = this.#options;
    const table = this.#database.tableOf(entity);
    const keyColumn = table.columns.find(({ property }) => property === by) ?? table.primary;
    const columns = table.columns.filter(
      ({ property }) => property !== by && (!set || set.includes(property)),
    );
    const ownerTable = owner ? this.#database.tableOf(owner) : null;
    const text = readStatement({ table, by: keyColumn, columns, owner: ownerTable });
    const name = `read_${hash('sha256', text).slice(0, 16)}`;
    const keyType = (ownerTable?.primary ?? keyColumn).type ?? '';
    return { text, name, keyType, rowsOf: rowsOf<Row>(columns, by) };
  }
}

function refuse<Result>(reads: Reads<Result>, cause: unknown): void {
  const error = refusal(cause);
  for (const read of reads.values()) read.reject(error);
}

function refusal(cause: unknown): unknown {
  return isDatabaseUnavailable(cause) ? new CodedError('SERVICE_UNAVAILABLE', { cause }) : cause;
}
