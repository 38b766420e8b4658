import type { FastifyBaseLogger } from 'fastify';
import type { DataSource } from 'typeorm';
import { repeatedTransaction } from '../database/repeated-transaction.js';
import type { Grants } from '../grants/grants.js';

export interface UpkeepOptions {
  dataSource: DataSource;
  grants: Grants;
  log: Pick<FastifyBaseLogger, 'warn'>;
}

/** Milliseconds: an ended proof hides its installation within it. */
const INTERVAL = 1_000;
/** Users that are settled in one transaction. */
const CHUNK = 100;

const SELECT_ENDED = `
  SELECT DISTINCT user_id AS "userId" FROM (
    SELECT user_id FROM github_link
    WHERE ends_at <= now() AND row_id IS NOT NULL AND hidden_at IS NULL ORDER BY ends_at LIMIT ${CHUNK}) ended`;

/** Does what no delivery brings about: evidence ends by time. Each instance does it, as what is right stays as it is. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | null = null;
  #hasFailed = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.#run(), INTERVAL).unref();
    this.#run();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  #run(): void {
    this.#running ??= this.#endByTime().finally(() => {
      this.#running = null;
    });
  }

  async #endByTime(): Promise<void> {
    const { dataSource, grants, log } = this.#options;
    try {
      const ended: { userId: string }[] = await dataSource.query(SELECT_ENDED);
      const users = ended.map(({ userId }) => userId);
      if (users.length > 0)
        await repeatedTransaction(dataSource, (manager) => grants.settle(manager, { users }));
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed)
        log.warn({ err: error }, 'evidence that has ended could not be settled');
      this.#hasFailed = true;
    }
  }
}
