import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../timeouts.js';
import {
  isPreparedStatementLost,
  isRepeatable,
  readError,
  StatementTimeoutError,
} from './availability.js';
import type { Pool, Query } from './pool.js';
import type { Log } from './prepare-tables.js';

/** Milliseconds before a read is repeated: the pool has noticed other dead connections by then. */
const REPEAT_DELAY = 20;

export interface ReadOptions {
  name: string;
  /** Milliseconds, with the wait for a connection. */
  timeout: number;
}

/**
 * Runs the statements of the read path. Each connection prepares one once under its name, instead of planning it anew
 * each time. It is repeated once, in the same time, where another connection may answer it.
 */
export class ReadRunner {
  readonly #pool: Pool;
  readonly #log: Log;
  readonly #repeats: (error: unknown) => void;
  #prepares = true;

  /** @param repeats is called before a read is repeated */
  constructor(pool: Pool, log: Log, repeats: (error: unknown) => void) {
    this.#pool = pool;
    this.#log = log;
    this.#repeats = repeats;
  }

  /** @throws {DatabaseUnavailableError} */
  run<Row>(
    text: string,
    values: unknown[],
    { name, timeout }: ReadOptions,
  ): Promise<{ rows: Row[] }> {
    const query = { name, text, values, query_timeout: timeout };
    const result = this.#try<Row>(query, Date.now() + timeout).catch((error) => {
      throw readError(error);
    });
    // `query_timeout` excludes the wait for a connection, and the embedded database ignores it.
    return within(timeout, result, () => new StatementTimeoutError());
  }

  async #try<Row>(query: Query, deadline: number): Promise<{ rows: Row[] }> {
    const unprepared = { ...query, name: undefined };
    try {
      return await this.#pool.query(this.#prepares ? query : unprepared);
    } catch (error) {
      await this.#beforeRepeat(error);
      const timeLeft = deadline - Date.now();
      if (timeLeft <= 0) throw error;
      return this.#pool.query({ ...unprepared, query_timeout: timeLeft });
    }
  }

  /** @throws {unknown} the error, where it is final */
  async #beforeRepeat(error: unknown): Promise<void> {
    if (isPreparedStatementLost(error)) {
      if (this.#prepares)
        this.#log.info('prepared statements do not survive a pooler here: going on without them');
      this.#prepares = false;
    } else if (isRepeatable(error)) {
      this.#repeats(error);
      await sleep(REPEAT_DELAY);
    } else throw error;
  }
}
