import type { FastifyBaseLogger } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { DataSource } from 'typeorm';
import { isPassing } from '../database/availability.js';
import { repeatedTransaction } from '../database/repeated-transaction.js';
import type { Grants } from '../grants/grants.js';

export interface SightingsOptions {
  grants: Grants;
  /** Where they are written; `null`: nowhere for the moment. */
  dataSource: () => DataSource | null;
  log: Pick<FastifyBaseLogger, 'debug'>;
}

/** Users whose account is known to be kept already, and those who wait for it: as many as sessions are remembered. */
const REMEMBERED = 20_000;
/** Milliseconds until another try, where nothing can be written for the moment. */
const PAUSE = 1_000;

/**
 * Keeps which GitHub account a user has, as sessions say, one after the other and outside the way of reads. A session
 * that is remembered says it once: what cannot be written, as before the tables are there, waits.
 */
export class Sightings {
  readonly #options: SightingsOptions;
  readonly #seen = new LRUCache<string, string>({ max: REMEMBERED });
  readonly #waiting = new Map<string, string | null>();
  #isWriting = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SightingsOptions) {
    this.#options = options;
  }

  /** @param githubId `null`: the session does not say; the web application's table may */
  add(userId: string, githubId: string | null): void {
    const isSeen = githubId !== null && this.#seen.get(userId) === githubId;
    if (isSeen || this.#waiting.size >= REMEMBERED) return;
    this.#waiting.set(userId, githubId ?? this.#waiting.get(userId) ?? null);
    if (!this.#isWriting) void this.#write();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    for (const [userId, githubId] of this.#waiting) {
      if (!(await this.#keep(userId, githubId))) {
        this.#timer = setTimeout(() => void this.#write(), PAUSE).unref();
        return;
      }
      if (this.#waiting.get(userId) === githubId) this.#waiting.delete(userId);
    }
    this.#isWriting = false;
  }

  /** @returns whether it is settled: another try would not help */
  async #keep(userId: string, githubId: string | null): Promise<boolean> {
    const { grants, dataSource: current, log } = this.#options;
    const dataSource = current();
    if (!dataSource) return false;
    try {
      await repeatedTransaction(dataSource, (manager) =>
        grants.see(manager, userId, githubId === null ? null : { id: githubId, login: null }),
      );
      if (githubId !== null) this.#seen.set(userId, githubId);
      return true;
    } catch (error) {
      log.debug({ err: error }, 'the GitHub account of a user could not be kept');
      return !isPassing(error);
    }
  }
}
