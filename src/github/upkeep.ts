import type { FastifyBaseLogger } from 'fastify';
import type { DataSource } from 'typeorm';
import { repeatedTransaction } from '../database/repeated-transaction.js';
import type { Grants } from '../grants/grants.js';
import type { MemberLists } from './member-lists.js';

export interface UpkeepOptions {
  dataSource: DataSource;
  grants: Grants;
  /** `null`: GitHub is not asked. */
  members: MemberLists | null;
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

/** Does what no delivery brings about: evidence ends by time, and members are listed. Each instance does it, as what is right stays as it is. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #ending = new AbortController();
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
    this.#ending.abort();
    await this.#running;
  }

  #run(): void {
    this.#running ??= this.#work().finally(() => {
      this.#running = null;
    });
  }

  async #work(): Promise<void> {
    const { dataSource, grants, log } = this.#options;
    try {
      const ended: { userId: string }[] = await dataSource.query(SELECT_ENDED);
      const users = ended.map(({ userId }) => userId);
      if (users.length > 0)
        await repeatedTransaction(dataSource, (manager) => grants.settle(manager, { users }));
      await this.#options.members?.refresh(this.#ending.signal);
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed)
        log.warn({ err: error }, 'who may see what could not be brought up to date');
      this.#hasFailed = true;
    }
  }
}
