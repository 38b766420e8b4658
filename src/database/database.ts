import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { READ_TIMEOUT, within } from '../timeouts.js';
import {
  DatabaseNotReadyError,
  isConnectionLost,
  isDatabaseUnavailable,
  isPreparedStatementLost,
  StatementTimeoutError,
} from './availability.js';
import { createDataSource, type Entities } from './data-source.js';
import type { Pool, Query } from './pool.js';
import { type Log, prepareTables } from './prepare-tables.js';
import { type ReadTable, readTable } from './read-table.js';
import { TablesNotServableError } from './servable.js';
import type { Tables } from './tables.js';
import { FEW_TRIES } from './wait-options.js';

/** Milliseconds between two attempts to open a database that is unreachable, or has a fault. */
const RETRY_INTERVAL = { away: 500, faulty: 2_000 };
/** Milliseconds before a read is repeated: the pool has noticed other dead connections by then. */
const REPEAT_DELAY = 20;

export interface ReadOptions {
  name: string;
  /** Milliseconds, with the wait for a connection. */
  timeout: number;
}

export interface OpenOptions {
  wait: boolean;
  prepare?: ((dataSource: DataSource) => Promise<void>) | undefined;
}

/** The one database of a process: the pool for the read path, and TypeORM over the same pool. */
export class Database {
  readonly dataSource: DataSource;
  readonly #pool: Pool;
  readonly #log: Log;
  #tables: Tables | null = null;
  #reason: string | null = 'the database is being opened';
  #prepares = true;
  readonly #ending = new AbortController();
  #probe: Promise<boolean> | undefined;

  constructor(pool: Pool, log: Log, entities: Entities) {
    this.#pool = pool;
    this.#log = log;
    this.dataSource = createDataSource(pool, entities);
  }

  /**
   * Runs a statement of the read path: each connection prepares it once under its name, instead of planning it anew
   * each time, and it is repeated once, in the same time, when its connection dies.
   *
   * @throws {DatabaseNotReadyError} before the migrations are applied; else as the driver does
   */
  async query<Row>(
    text: string,
    values: unknown[],
    { name, timeout }: ReadOptions,
  ): Promise<{ rows: Row[] }> {
    if (this.#reason !== null) throw new DatabaseNotReadyError();
    const query = { name, text, values, query_timeout: timeout };
    // `query_timeout` excludes the wait for a connection, and the embedded database ignores it.
    const result = this.#read<Row>(query, Date.now() + timeout);
    return within(timeout, result, () => new StatementTimeoutError());
  }

  async #read<Row>(query: Query, deadline: number): Promise<{ rows: Row[] }> {
    try {
      return await this.#prepared<Row>(query);
    } catch (error) {
      if (!isConnectionLost(error)) throw error;
      await sleep(REPEAT_DELAY);
      const timeLeft = deadline - Date.now();
      if (timeLeft <= 0) throw error;
      this.#log.info({ err: error }, 'connection lost: reading once more');
      return this.#prepared({ ...query, query_timeout: timeLeft });
    }
  }

  async #prepared<Row>(query: Query): Promise<{ rows: Row[] }> {
    const unprepared = () => this.#pool.query<Row>({ ...query, name: undefined });
    if (!this.#prepares) return unprepared();
    try {
      return await this.#pool.query(query);
    } catch (error) {
      if (!isPreparedStatementLost(error)) throw error;
      this.#prepares = false;
      this.#log.info('prepared statements do not survive a pooler here: going on without them');
      return unprepared();
    }
  }

  /**
   * Connects, applies the pending migrations of tables that this program made, and looks whether it can serve them.
   *
   * @param options.wait whether to wait for a database that is away, until it is there or closed; what it has then
   *   that cannot be served is waited for as well
   * @param options.prepare what else must be done with tables of this program before the first query
   * @throws whatever does not pass by waiting: wrong credentials, a migration that fails, `TablesNotServableError`
   */
  async open({ wait, prepare }: OpenOptions): Promise<void> {
    let reported: string | undefined;
    const { signal } = this.#ending;
    const say = (reason: string) => {
      this.#reason = reason;
    };
    while (this.#reason !== null && !signal.aborted) {
      try {
        if (!this.dataSource.isInitialized) await this.dataSource.initialize();
        const tries = wait ? Number.POSITIVE_INFINITY : FEW_TRIES;
        this.#tables = await prepareTables(this.dataSource, this.#log, { signal, say, tries });
        if (this.#tables.origin === 'own') await prepare?.(this.dataSource);
        this.#reason = null;
      } catch (error) {
        if (signal.aborted) return;
        const away = isDatabaseUnavailable(error);
        const wasAway = reported !== undefined;
        if (!wait || !(away || wasAway)) throw error;
        this.#reason = reasonOf(error);
        if (this.#reason !== reported) this.#log.warn({ err: error }, this.#reason);
        reported = this.#reason;
        await sleep(away ? RETRY_INTERVAL.away : RETRY_INTERVAL.faulty);
      }
    }
  }

  /** Why queries are refused, for an operator; `null`: they are not. */
  get notReadyReason(): string | null {
    return this.#reason;
  }

  /** What was found at the start; `null` before it is open. */
  get tables(): Tables | null {
    return this.#tables;
  }

  /** Probes share one statement, so that they cannot exhaust the pool. */
  reachable(): Promise<boolean> {
    this.#probe ??= this.#pool
      .query({ text: 'SELECT 1', query_timeout: READ_TIMEOUT })
      .then(
        () => true,
        () => false,
      )
      .finally(() => {
        this.#probe = undefined;
      });
    return this.#probe;
  }

  /**
   * The table of an entity as reads use it.
   *
   * @throws {DatabaseNotReadyError} before it is open
   */
  tableOf(entity: Entities[number]): ReadTable {
    if (this.#reason !== null || !this.#tables) throw new DatabaseNotReadyError();
    return readTable(this.dataSource.getMetadata(entity), this.#tables.catalog);
  }

  /** Ends what `open` still does: no wait for a lock, and no build of an index, outlives the process. */
  stopOpening(): void {
    this.#ending.abort();
  }

  async close(): Promise<void> {
    this.stopOpening();
    this.#reason = 'the database is closed';
    await this.#pool.end();
  }
}

/** For `/ready`, which is public: errors of a database may quote data. */
function reasonOf(error: unknown): string {
  if (error instanceof TablesNotServableError) return error.message;
  return isDatabaseUnavailable(error)
    ? 'the database cannot be reached'
    : 'the database cannot be opened: the log says why';
}
