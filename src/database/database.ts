import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { DataSource } from 'typeorm';
import { DatabaseNotReadyError, isDatabaseUnavailable } from './availability.js';
import { createDataSource } from './data-source.js';
import { migrate } from './migrate.js';
import type { Pool } from './pool.js';

/** Milliseconds between two attempts to reach a database that is away at the start. */
const RETRY_INTERVAL = 500;

/** The one database of a process: the pool for the read path, and TypeORM over the same pool. */
export class Database {
  readonly dataSource: DataSource;
  readonly #pool: Pool;
  readonly #log: Pick<FastifyBaseLogger, 'warn' | 'info'>;
  #ready = false;
  #closed = false;

  constructor(pool: Pool, log: Pick<FastifyBaseLogger, 'warn' | 'info'>) {
    this.#pool = pool;
    this.#log = log;
    this.dataSource = createDataSource(pool);
  }

  /** @throws {DatabaseNotReadyError} before the migrations are applied; else as the driver does */
  async query<Row>(text: string, values?: unknown[]): Promise<{ rows: Row[] }> {
    if (!this.#ready) throw new DatabaseNotReadyError();
    return this.#pool.query<Row>(text, values);
  }

  /**
   * Connects and applies the pending migrations; waits for a database that is away for as long as
   * it takes, or until it is closed.
   *
   * @param prepare what else must be done before the first query
   * @throws whatever does not pass by waiting: wrong credentials, a migration that fails
   */
  async open(prepare: (dataSource: DataSource) => Promise<void> = async () => {}): Promise<void> {
    for (let attempt = 1; !this.#ready && !this.#closed; attempt++) {
      try {
        if (!this.dataSource.isInitialized) await this.dataSource.initialize();
        const applied = await migrate(this.dataSource);
        if (applied.length > 0) this.#log.info({ applied }, 'migrations applied');
        await prepare(this.dataSource);
        this.#ready = true;
      } catch (error) {
        if (!isDatabaseUnavailable(error)) throw error;
        if (attempt === 1) this.#log.warn({ err: error }, 'database not reachable: waiting for it');
        await sleep(RETRY_INTERVAL);
      }
    }
  }

  async close(): Promise<void> {
    this.#ready = false;
    this.#closed = true;
    await this.#pool.end();
  }
}
