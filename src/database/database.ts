import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { DataSource } from 'typeorm';
import { STATEMENT_TIMEOUT, within } from '../timeouts.js';
import {
  DatabaseNotReadyError,
  isConnectionLost,
  isDatabaseUnavailable,
  isPreparedStatementLost,
  StatementLateError,
} from './availability.js';
import { createDataSource, type Entities } from './data-source.js';
import { migrate } from './migrate.js';
import type { Pool, Query } from './pool.js';
import { type ReadTable, readTable } from './read-table.js';

/** Milliseconds between two attempts to reach a database that is away at the start. */
const RETRY_INTERVAL = 500;
/** Milliseconds before a read whose connection died is repeated: those that died with it are known then. */
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
  readonly #log: Pick<FastifyBaseLogger, 'warn' | 'info'>;
  #ready = false;
  #prepares = true;
  #closed = false;
  #probe: Promise<boolean> | undefined;

  constructor(pool: Pool, log: Pick<FastifyBaseLogger, 'warn' | 'info'>, entities: Entities) {
    this.#pool = pool;
    this.#log = log;
    this.dataSource = createDataSource(pool, entities);
  }

  /**
   * @param read only of a statement that reads: each connection prepares it once under this name, instead
   *   of planning it anew each time, and it is repeated once, in the same time, when its connection dies
   * @throws {DatabaseNotReadyError} before the migrations are applied; else as the driver does
   */
  async query<Row>(text: string, values?: unknown[], read?: ReadOptions): Promise<{ rows: Row[] }> {
    if (!this.#ready) throw new DatabaseNotReadyError();
    const { name, timeout = STATEMENT_TIMEOUT } = read ?? {};
    const query = { name, text, values, query_timeout: timeout };
    if (name === undefined) return this.#pool.query(query);
    // The client counts from when it has a connection, and the embedded database not at all.
    const result = this.#read<Row>(query, Date.now() + timeout);
    return within(timeout, result, () => new StatementLateError());
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
   * Connects and applies the pending migrations.
   *
   * @param options.wait whether to wait for a database that is away, until it is there or closed
   * @param options.prepare what else must be done before the first query
   * @throws whatever does not pass by waiting: wrong credentials, a migration that fails
   */
  async open({ wait, prepare }: OpenOptions): Promise<void> {
    for (let attempt = 1; !this.#ready && !this.#closed; attempt++) {
      try {
        if (!this.dataSource.isInitialized) await this.dataSource.initialize();
        const applied = await migrate(this.dataSource);
        const names = applied.map(({ name }) => name);
        if (names.length > 0) this.#log.info({ applied: names }, 'migrations applied');
        await prepare?.(this.dataSource);
        this.#ready = true;
      } catch (error) {
        if (this.#closed) return;
        if (!wait || !isDatabaseUnavailable(error)) throw error;
        if (attempt === 1) this.#log.warn({ err: error }, 'database not reachable: waiting for it');
        await sleep(RETRY_INTERVAL);
      }
    }
  }

  /** Whether the migrations are applied, so that queries are taken. */
  get migrated(): boolean {
    return this.#ready;
  }

  /** Whether it answers now. All who ask meanwhile share one statement: probes cannot take up the pool. */
  reachable(): Promise<boolean> {
    this.#probe ??= this.#pool
      .query({ text: 'SELECT 1', query_timeout: STATEMENT_TIMEOUT })
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
   * @throws {DatabaseNotReadyError} before the migrations are applied
   */
  tableOf(entity: Entities[number]): ReadTable {
    if (!this.#ready) throw new DatabaseNotReadyError();
    return readTable(this.dataSource.getMetadata(entity));
  }

  async close(): Promise<void> {
    this.#ready = false;
    this.#closed = true;
    await this.#pool.end();
  }
}
