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
/** Links that are settled in one transaction. */
const CHUNK = 100;

const SELECT_ENDED = `
  SELECT user_id AS "userId" FROM github_link
  WHERE ends_at <= now() AND row_id IS NOT NULL AND hidden_at IS NULL ORDER BY ends_at LIMIT ${CHUNK}`;

/** Seconds that GitHub is left alone after it has refused the App. */
const REFUSED_PAUSE = 60;

/** What is done each second, unless it goes on from before. Of failures in a row, the first is logged. */
class Chore {
  readonly #work: () => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  readonly #pause: number;
  #running: Promise<void> | null = null;
  #hasFailed = false;
  #pausedUntil = 0;

  constructor(
    work: () => Promise<void>,
    onFailure: (error: unknown) => void,
    /** Seconds after a failure. */
    pause = 0,
  ) {
    this.#work = work;
    this.#onFailure = onFailure;
    this.#pause = pause;
  }

  begin(): void {
    if (performance.now() < this.#pausedUntil) return;
    this.#running ??= this.#try().finally(() => {
      this.#running = null;
    });
  }

  async ended(): Promise<void> {
    await this.#running;
  }

  async #try(): Promise<void> {
    try {
      await this.#work();
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) this.#onFailure(error);
      this.#hasFailed = true;
      this.#pausedUntil = performance.now() + 1000 * this.#pause;
    }
  }
}

/**
 * Does what no delivery brings about: evidence ends by time, and members are listed. Neither waits for the other, as
 * GitHub may not answer. Each instance does it, as what is right stays as it is.
 */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #ending = new AbortController();
  readonly #chores: readonly Chore[];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    const { members, log } = options;
    const onFailure = (error: unknown) =>
      log.warn({ err: error }, 'who may see what could not be brought up to date');
    this.#chores = [
      new Chore(() => this.#settleEnded(), onFailure),
      new Chore(async () => members?.refresh(this.#ending.signal), onFailure, REFUSED_PAUSE),
    ];
  }

  start(): void {
    this.#timer = setInterval(() => this.#begin(), INTERVAL).unref();
    this.#begin();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#ending.abort();
    await Promise.all(this.#chores.map((chore) => chore.ended()));
  }

  #begin(): void {
    for (const chore of this.#chores) chore.begin();
  }

  /** Of many that end at once, as after a day on which all have connected, chunk after chunk. */
  async #settleEnded(): Promise<void> {
    const { dataSource, grants } = this.#options;
    for (let count = CHUNK; count === CHUNK && !this.#ending.signal.aborted; ) {
      const ended: { userId: string }[] = await dataSource.query(SELECT_ENDED);
      count = ended.length;
      const users = [...new Set(ended.map(({ userId }) => userId))];
      if (count > 0)
        await repeatedTransaction(dataSource, (manager) => grants.settle(manager, { users }));
    }
  }
}
