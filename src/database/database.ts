import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { DataSource } from 'typeorm';
import { READ_TIMEOUT } from '../timeouts.js';
import { DatabaseNotReadyError, isPassing } from './availability.js';
import type { Queryable } from './catalog.js';
import { createDataSource, type Entities } from './data-source.js';
import { Outage } from './outage.js';
import type { Pool } from './pool.js';
import { inspectServed, type Log, logTables, prepareTables } from './prepare-tables.js';
import { type ReadOptions, ReadRunner } from './read-runner.js';
import { type ReadTable, readTable } from './read-table.js';
import { reasonOf } from './reasons.js';
import type { Tables } from './tables.js';
import { FEW_TRIES } from './wait-options.js';

/** Milliseconds between two attempts to open or to read a database that is unreachable, or has a fault. */
const RETRY_INTERVAL = { away: 500, faulty: 2_000 };
/** Milliseconds after which a check looks for changed tables, even if reads succeed: the columns of a view, a wider type. */
const INSPECTION_INTERVAL = 10_000;
export interface OpenOptions {
  wait: boolean;
  prepare?: ((dataSource: DataSource) => Promise<void>) | undefined;
}

/** Whether the database answers, and why reads are not served; `null`: they are. */
export interface Condition {
  reachable: boolean;
  reason: string | null;
}

/** The one database of a process: the pool for the read path, and TypeORM over the same pool. */
export class Database {
  readonly dataSource: DataSource;
  readonly #pool: Pool;
  readonly #log: Log;
  readonly #outage: Outage;
  readonly #runner: ReadRunner;
  readonly #reads: (() => string)[] = [];
  /** Ends in time, unlike TypeORM's own statements, some of which take hours. */
  readonly #bounded: Queryable = {
    query: async (text, values) =>
      (await this.#pool.query({ text, values, query_timeout: READ_TIMEOUT })).rows,
  };
  #tables: Tables | null = null;
  #inspectedAt = 0;
  #reason: string | null = 'the database is being opened';
  readonly #ending = new AbortController();
  #checking: Promise<Condition> | undefined;
  #watching = false;

  constructor(pool: Pool, log: Log, entities: Entities) {
    this.#pool = pool;
    this.#log = log;
    this.#outage = new Outage(log);
    this.#runner = new ReadRunner(pool, log, (error) => this.report(error));
    this.dataSource = createDataSource(pool, entities);
  }

  /**
   * Runs a statement of the read path.
   *
   * @throws {DatabaseUnavailableError} whatever the database fails with
   */
  async query<Row>(
    text: string,
    values: unknown[],
    options: ReadOptions,
  ): Promise<{ rows: Row[] }> {
    if (this.#reason !== null) throw new DatabaseNotReadyError();
    return this.#runner.run(text, values, options);
  }

  /**
   * Connects, applies the pending migrations of tables that this program made, and looks whether it can serve them.
   *
   * @param options.wait whether to wait for a database that is away or refuses to connect, until it is there or closed;
   *   what it has then that cannot be served is waited for as well
   * @param options.prepare what else must be done with tables of this program before the first query
   * @throws whatever does not pass by waiting: a migration that fails, `TablesNotServableError`
   */
  async open({ wait, prepare }: OpenOptions): Promise<void> {
    const { signal } = this.#ending;
    const say = (reason: string) => {
      this.#reason = reason;
    };
    while (this.#reason !== null && !signal.aborted) {
      try {
        if (!this.dataSource.isInitialized) await this.dataSource.initialize();
        const tries = wait ? Number.POSITIVE_INFINITY : FEW_TRIES;
        const tables = await prepareTables(this.dataSource, this.#log, { signal, say, tries });
        if (tables.origin === 'own') await prepare?.(this.dataSource);
        this.#serve(tables);
        this.#outage.end();
      } catch (error) {
        if (signal.aborted) return;
        const passes = isPassing(error);
        if (!wait || !(passes || this.#outage.isUnderWay)) throw error;
        this.#reason = this.#outage.report(error);
        await sleep(passes ? RETRY_INTERVAL.away : RETRY_INTERVAL.faulty);
      }
    }
  }

  #serve(tables: Tables): void {
    this.#inspectedAt = performance.now();
    this.#tables = tables;
    this.#reason = null;
  }

  /** Why queries are refused, for an operator; `null`: they are not. */
  get notReadyReason(): string | null {
    return this.#reason;
  }

  /** The tables as last found, another object when they have changed; `null` before it is open. */
  get tables(): Tables | null {
    return this.#tables;
  }

  /**
   * The table of an entity as reads use it.
   *
   * @throws {DatabaseNotReadyError} before it is open
   */
  tableOf(entity: Entities[number]): ReadTable {
    if (!this.#tables) throw new DatabaseNotReadyError();
    return readTable(this.dataSource.getMetadata(entity), this.#tables.catalog);
  }

  /** Ends what `open` still does: no wait for a lock, and no build of an index, outlives the process. */
  stopOpening(): void {
    this.#ending.abort();
  }

  /** @param statement SQL of a read on the present tables, which `check` tries with no key: `$1` is `[]` */
  declareRead(statement: () => string): void {
    this.#reads.push(statement);
  }

  /** Reports a failed read or a broken connection, and watches the database until it is well again. */
  report(error: unknown): void {
    // `open` reports by itself, and a refused read is no news.
    if (this.#ending.signal.aborted || !this.#tables || error instanceof DatabaseNotReadyError)
      return;
    this.#outage.report(error);
    if (!this.#watching) void this.#watch();
  }

  async #watch(): Promise<void> {
    this.#watching = true;
    let reports: number;
    do {
      reports = this.#outage.reports;
      await sleep(RETRY_INTERVAL.away, undefined, { ref: false });
      await this.check();
    } while (!this.#ending.signal.aborted && reports !== this.#outage.reports);
    this.#watching = false;
    if (!this.#ending.signal.aborted) this.#outage.end();
  }

  /** Tries what reads need. Concurrent checks share one, so that they cannot exhaust the pool. */
  check(): Promise<Condition> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** As soon as something has made tables that it reads: a check would see them later. */
  async inspect(): Promise<void> {
    await this.#checking;
    this.#inspectedAt = Number.NEGATIVE_INFINITY;
    await this.check();
  }

  async #check(): Promise<Condition> {
    try {
      if (this.#tables) await this.#checkReads(this.#tables);
      else await this.#bounded.query('SELECT 1');
      return { reachable: true, reason: this.#reason };
    } catch (error) {
      const reachable = !isPassing(error);
      const reason = reasonOf(error);
      // Only a fault of the tables ends reading: an outage may be over for the next read.
      if (reachable && this.#tables && !this.#ending.signal.aborted) this.#reason = reason;
      this.report(error);
      return { reachable, reason };
    }
  }

  /** Reads no key, and looks at the tables again where this fails, or was long ago. */
  async #checkReads(served: Tables): Promise<void> {
    const isRecent = performance.now() - this.#inspectedAt < INSPECTION_INTERVAL;
    if (this.#reason === null && isRecent) {
      try {
        return await this.#readNothing();
      } catch (error) {
        if (isPassing(error)) throw error;
      }
    }
    const tables = await inspectServed(this.#bounded, this.dataSource);
    if (!isDeepStrictEqual(tables.catalog, served.catalog)) {
      logTables(this.dataSource, tables, this.#log);
      this.#tables = tables;
    }
    await this.#readNothing();
    if (!this.#ending.signal.aborted) this.#serve(this.#tables ?? served);
  }

  async #readNothing(): Promise<void> {
    const reads = this.#reads.map((statement) => `(${statement()})`);
    await this.#bounded.query(`SELECT ${reads.join(', ')}`, ['[]']);
  }

  async close(): Promise<void> {
    this.stopOpening();
    this.#reason = 'the database is closed';
    await this.#pool.end();
  }
}
