import { hash } from 'node:crypto';
import { CodedError } from '../errors.js';
import { READ_TIMEOUT, SHARED_STATEMENT_TIMEOUT } from '../timeouts.js';
import { DatabaseUnavailableError, isDataException, mayBeOfOneKey } from './availability.js';
import { holdsId } from './column-types.js';
import type { Database } from './database.js';
import { ReadQueue, type Reads } from './read-queue.js';
import { keyStatement, readStatement } from './read-statement.js';
import { rowsOf } from './row-values.js';
import type { Tables } from './tables.js';

export type ReaderDatabase = Pick<
  Database,
  'query' | 'tables' | 'tableOf' | 'declareRead' | 'report'
>;

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
interface Json {
  json: string | null;
}

/** The answer to a statement, which is read as the statement was made: the tables may have changed meanwhile. */
interface Batch<Row> {
  rows: Json[];
  statement: Statement<Row>;
}

interface Statement<Row> {
  tables: Tables | null;
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
  readonly #shared: ReadQueue<Row[] | null, Batch<Row>>;
  #made: Statement<Row> | undefined;

  constructor(database: ReaderDatabase, options: ReaderOptions) {
    this.#database = database;
    this.#options = options;
    const failed = (reads: Reads<Row[] | null>, cause: unknown) => this.#refuse(reads, cause);
    const succeeded = answerReads<Row>;
    const isolated = new ReadQueue<Row[] | null, Batch<Row>>({
      size: 1,
      statements: options.slots.isolated,
      timeout: READ_TIMEOUT,
      query: (keys, timeout) => this.#selectIsolated(keys, timeout),
      succeeded,
      failed,
    });
    this.#shared = new ReadQueue({
      size: BATCH_SIZE,
      statements: options.slots.shared,
      timeout: SHARED_STATEMENT_TIMEOUT,
      query: (keys, timeout) => this.#select(keys, timeout),
      succeeded,
      failed(reads, cause) {
        if (!mayBeOfOneKey(cause)) return failed(reads, cause);
        for (const [key, read] of reads) isolated.add(key, read);
      },
    });
    database.declareRead(() => this.#statement.text);
  }

  /** Rows ordered by primary key; `null`: there is nothing by that key. @throws {CodedError} `SERVICE_UNAVAILABLE` */
  read(key: string): Promise<Row[] | null> {
    let keyType: string;
    try {
      keyType = this.#statement.keyType;
    } catch (cause) {
      return Promise.reject(refusal(cause));
    }
    if (!holdsId(keyType, key)) return Promise.resolve(null);
    return this.#shared.read(key);
  }

  /** Made anew when the tables have changed. */
  get #statement(): Statement<Row> {
    if (this.#made?.tables !== this.#database.tables) this.#made = this.#make();
    return this.#made as Statement<Row>;
  }

  #make(): Statement<Row> {
    const { entity, by, columns: set, owner } = this.#options;
    const { tables } = this.#database;
    const table = this.#database.tableOf(entity);
    const keyColumn = table.columns.find(({ property }) => property === by) ?? table.primary;
    const columns = table.columns.filter(
      ({ property }) => property !== by && (!set || set.includes(property)),
    );
    const ownerTable = owner ? this.#database.tableOf(owner) : null;
    const text = readStatement({ table, by: keyColumn, columns, owner: ownerTable });
    const name = `read_${hash('sha256', text).slice(0, 16)}`;
    const keyType = (ownerTable?.primary ?? keyColumn).type ?? '';
    return { tables, text, name, keyType, rowsOf: rowsOf<Row>(columns, by) };
  }

  async #select(keys: string[], timeout: number): Promise<Batch<Row>> {
    const statement = this.#statement;
    const { text, name } = statement;
    const values = [JSON.stringify(keys)];
    const { rows } = await this.#database.query<Json>(text, values, { name, timeout });
    return { rows, statement };
  }

  /** Finds nothing by a key that this database cannot hold: its encoding may lack a character. */
  async #selectIsolated(keys: string[], timeout: number): Promise<Batch<Row>> {
    const statement = this.#statement;
    const until = performance.now() + timeout;
    try {
      return await this.#select(keys, timeout);
    } catch (error) {
      if (!isDataException(error)) throw error;
      if (await this.#canHold(statement, keys, until - performance.now())) throw error;
      return { rows: [], statement };
    }
  }

  async #canHold({ keyType }: Statement<Row>, keys: string[], timeout: number): Promise<boolean> {
    const options = { name: `key_${keyType}`, timeout };
    try {
      await this.#database.query(keyStatement(keyType), [JSON.stringify(keys)], options);
      return true;
    } catch (error) {
      if (isDataException(error)) return false;
      throw error;
    }
  }

  #refuse(reads: Reads<Row[] | null>, cause: unknown): void {
    if (cause instanceof DatabaseUnavailableError) this.#database.report(cause);
    const error = refusal(cause);
    for (const read of reads.values()) read.reject(error);
  }
}

function answerReads<Row>(reads: Reads<Row[] | null>, { rows, statement }: Batch<Row>): void {
  const found = JSON.parse(rows[0]?.json ?? '[]') as (string | unknown[])[];
  // V8 takes what `pg` keeps them in for long-lived, and would move a kilobyte of each request there too.
  rows.length = 0;
  for (let at = 0; at < found.length; at += 2) {
    const key = found[at] as string;
    const read = reads.get(key);
    read?.resolve(statement.rowsOf(key, found[at + 1] as unknown[]));
    reads.delete(key);
  }
  for (const read of reads.values()) read.resolve(null);
}

/** Without the cause, which is logged once for all requests. */
function refusal(cause: unknown): unknown {
  return cause instanceof DatabaseUnavailableError ? new CodedError('SERVICE_UNAVAILABLE') : cause;
}
