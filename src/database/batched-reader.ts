import { hash } from 'node:crypto';
import { CodedError } from '../errors.js';
import { READ_TIMEOUT, SHARED_STATEMENT_TIMEOUT } from '../timeouts.js';
import { DatabaseUnavailableError, isDataException, mayBeOfOneKey } from './availability.js';
import { holdsId } from './column-types.js';
import type { Database } from './database.js';
import { keyStatement, type MakePlan, type ReadPlan } from './read-plan.js';
import { ReadQueue, type Reads } from './read-queue.js';
import type { Tables } from './tables.js';

export type ReaderDatabase = Pick<
  Database,
  'query' | 'tables' | 'tableOf' | 'declareRead' | 'report'
>;

/** Statements of a reader in flight, at most: for many keys, and for one key whose batch has failed. */
interface Slots {
  shared: number;
  isolated: number;
}

export interface ReaderOptions<Answer> {
  /** Made anew when the tables have changed. */
  plan: MakePlan<Answer>;
  slots: Slots;
}

/** The one row of a statement: see `ReadPlan`. */
interface Json {
  json: string | null;
}

/** The answer to a statement, which is read as the statement was made: the tables may have changed meanwhile. */
interface Batch<Answer> {
  rows: Json[];
  plan: ReadPlan<Answer>;
}

interface Made<Answer> {
  tables: Tables | null;
  plan: ReadPlan<Answer>;
  /** Derived from its text: behind a pooler, another version's statement must not have the same name. */
  name: string;
}

const BATCH_SIZE = 1_000;

/** Reads the keys of many requests by one SQL statement, and caches nothing. Reads of a failed batch are isolated. */
export class BatchedReader<Answer> {
  readonly #database: ReaderDatabase;
  readonly #makePlan: MakePlan<Answer>;
  readonly #shared: ReadQueue<Answer | null, Batch<Answer>>;
  #made: Made<Answer> | undefined;

  constructor(database: ReaderDatabase, { plan, slots }: ReaderOptions<Answer>) {
    this.#database = database;
    this.#makePlan = plan;
    const failed = (reads: Reads<Answer | null>, cause: unknown) => this.#refuse(reads, cause);
    const succeeded = answerReads<Answer>;
    const isolated = new ReadQueue<Answer | null, Batch<Answer>>({
      size: 1,
      statements: slots.isolated,
      timeout: READ_TIMEOUT,
      query: (keys, timeout) => this.#selectIsolated(keys, timeout),
      succeeded,
      failed,
    });
    this.#shared = new ReadQueue({
      size: BATCH_SIZE,
      statements: slots.shared,
      timeout: SHARED_STATEMENT_TIMEOUT,
      query: (keys, timeout) => this.#select(keys, timeout),
      succeeded,
      failed(reads, cause) {
        if (!mayBeOfOneKey(cause)) return failed(reads, cause);
        for (const [key, read] of reads) isolated.add(key, read);
      },
    });
    database.declareRead(() => this.#current.plan.text);
  }

  /** @returns `null`: there is nothing by that key. @throws {CodedError} `SERVICE_UNAVAILABLE` */
  read(key: string): Promise<Answer | null> {
    let keyType: string;
    try {
      keyType = this.#current.plan.keyType;
    } catch (cause) {
      return Promise.reject(refusal(cause));
    }
    if (!holdsId(keyType, key)) return Promise.resolve(null);
    return this.#shared.read(key);
  }

  get #current(): Made<Answer> {
    if (this.#made?.tables !== this.#database.tables) this.#made = this.#make();
    return this.#made as Made<Answer>;
  }

  #make(): Made<Answer> {
    const { tables } = this.#database;
    const plan = this.#makePlan((entity) => this.#database.tableOf(entity));
    return { tables, plan, name: `read_${hash('sha256', plan.text).slice(0, 16)}` };
  }

  async #select(keys: string[], timeout: number): Promise<Batch<Answer>> {
    const { plan, name } = this.#current;
    const values = [JSON.stringify(keys)];
    const { rows } = await this.#database.query<Json>(plan.text, values, { name, timeout });
    return { rows, plan };
  }

  /** Finds nothing by a key that this database cannot hold: its encoding may lack a character. */
  async #selectIsolated(keys: string[], timeout: number): Promise<Batch<Answer>> {
    const { plan } = this.#current;
    const until = performance.now() + timeout;
    try {
      return await this.#select(keys, timeout);
    } catch (error) {
      if (!isDataException(error)) throw error;
      if (await this.#canHold(plan, keys, until - performance.now())) throw error;
      return { rows: [], plan };
    }
  }

  async #canHold({ keyType }: ReadPlan<Answer>, keys: string[], timeout: number): Promise<boolean> {
    const options = { name: `key_${keyType}`, timeout };
    try {
      await this.#database.query(keyStatement(keyType), [JSON.stringify(keys)], options);
      return true;
    } catch (error) {
      if (isDataException(error)) return false;
      throw error;
    }
  }

  #refuse(reads: Reads<Answer | null>, cause: unknown): void {
    if (cause instanceof DatabaseUnavailableError) this.#database.report(cause);
    const error = refusal(cause);
    for (const read of reads.values()) read.reject(error);
  }
}

function answerReads<Answer>(reads: Reads<Answer | null>, { rows, plan }: Batch<Answer>): void {
  const found = JSON.parse(rows[0]?.json ?? '[]') as (string | unknown[])[];
  // V8 takes what `pg` keeps them in for long-lived, and would move a kilobyte of each request there too.
  rows.length = 0;
  for (let at = 0; at < found.length; at += 2) {
    const key = found[at] as string;
    const read = reads.get(key);
    read?.resolve(plan.answerOf(key, found[at + 1] as unknown[]));
    reads.delete(key);
  }
  for (const read of reads.values()) read.resolve(null);
}

/** Without the cause, which is logged once for all requests. */
function refusal(cause: unknown): unknown {
  return cause instanceof DatabaseUnavailableError ? new CodedError('SERVICE_UNAVAILABLE') : cause;
}
