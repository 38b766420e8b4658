import type { FastifyBaseLogger } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { DataSource } from 'typeorm';
import { repeatedTransaction } from '../database/repeated-transaction.js';
import type { Grants } from '../grants/grants.js';

export interface SightingsOptions {
  grants: Grants;
  /** Where they are written; `null`: nowhere for the moment. */
  dataSource: () => DataSource | null;
  log: Pick<FastifyBaseLogger, 'debug'>;
}

/** Users whose account is known to be kept already. */
const REMEMBERED = 20_000;
/** What exceeds it is seen again when the session is opened the next time. */
const WAITING = 1_000;

/** Keeps which GitHub account a user has, as sessions say, one after the other and outside the way of reads. */
export class Sightings {
  readonly #options: SightingsOptions;
  readonly #seen = new LRUCache<string, string>({ max: REMEMBERED });
  readonly #waiting = new Map<string, string>();
  #isWriting = false;

  constructor(options: SightingsOptions) {
    this.#options = options;
  }

  add(userId: string, githubId: string): void {
    if (this.#seen.get(userId) === githubId || this.#waiting.size >= WAITING) return;
    this.#waiting.set(userId, githubId);
    if (!this.#isWriting) void this.#write();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    for (const [userId, githubId] of this.#waiting) {
      this.#waiting.delete(userId);
      await this.#keep(userId, githubId);
    }
    this.#isWriting = false;
  }

  async #keep(userId: string, githubId: string): Promise<void> {
    const { grants, dataSource: current, log } = this.#options;
    const dataSource = current();
    if (!dataSource) return;
    try {
      await repeatedTransaction(dataSource, (manager) =>
        grants.see(manager, userId, { id: githubId, login: null }),
      );
      this.#seen.set(userId, githubId);
    } catch (error) {
      log.debug({ err: error }, 'the GitHub account of a user could not be kept');
    }
  }
}
