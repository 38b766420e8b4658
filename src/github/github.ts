import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { DataSource } from 'typeorm';
import type { Database } from '../database/database.js';
import type { Tables } from '../database/tables.js';
import { messageOf } from '../errors.js';
import { createGithubClient } from './client.js';
import { findObstacle } from './fact-tables.js';
import { Refetcher } from './refetcher.js';

export interface GithubOptions {
  appId: string;
  /** PEM, PKCS #8; `null`: GitHub is not asked. */
  privateKey: string | null;
  /** Empty: no webhooks. */
  webhookSecrets: readonly string[];
  apiUrl: string;
  /** Seconds; `null`: no sync by a timer. */
  syncInterval: number | null;
  /** Apart from the connections of reads, which never wait for it; of the embedded database, the only one. */
  dataSource: DataSource;
  database: Pick<Database, 'tables'>;
  log: FastifyBaseLogger;
}

/** Milliseconds between two looks whether the tables are there, or have changed. */
const LOOK_INTERVAL = 2_000;
/** Milliseconds at the end, also for a database that does not answer. */
const STOP_TIMEOUT = 3_000;
/** Seconds that a refetch waits for a rate limit; a longer wait is kept in the database. */
const LONGEST_WAIT = 10;

/** What keeps the rows true in a running server: off while the database lacks the tables for it. */
export class Github {
  readonly #options: GithubOptions;
  #refetcher: Refetcher | null = null;
  #isUsable = false;
  #seen: Tables | null = null;
  #obstacle: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | null = null;

  constructor(options: GithubOptions) {
    this.#options = options;
  }

  /** Where webhooks write; `null`: the tables are not there, or not looked at yet. */
  get dataSource(): DataSource | null {
    return this.#isUsable ? this.#options.dataSource : null;
  }

  /** After the commit of a mark. */
  wake(): void {
    this.#refetcher?.wake();
  }

  /** Begins as soon as the tables are there. */
  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL).unref();
    this.#look();
  }

  /** Ends what asks GitHub: what is under way has a moment, and all else keeps its mark. Webhooks are served still. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const ended = Promise.resolve(this.#looking).then(() => this.#refetcher?.close());
    await Promise.race([ended, sleep(STOP_TIMEOUT, undefined, { ref: false })]);
  }

  #look(): void {
    const { tables } = this.#options.database;
    if (this.#looking || tables === null || tables === this.#seen) return;
    this.#looking = this.#lookAt(tables).finally(() => {
      this.#looking = null;
    });
  }

  async #lookAt(tables: Tables): Promise<void> {
    const { dataSource, log } = this.#options;
    let obstacle: string | null;
    try {
      if (!dataSource.isInitialized) await dataSource.initialize();
      obstacle = await findObstacle(dataSource, tables.origin);
    } catch (error) {
      obstacle = messageOf(error);
    }
    this.#isUsable = obstacle === null;
    // Tables that are made later are not always known to the readers, so that it looks again.
    this.#seen = this.#isUsable ? tables : null;
    if (obstacle && obstacle !== this.#obstacle)
      log.warn(`What GitHub says is not kept: ${obstacle}`);
    this.#obstacle = obstacle;
    if (this.#isUsable && !this.#refetcher) this.#begin();
  }

  #begin(): void {
    const { appId, privateKey, apiUrl, dataSource, log } = this.#options;
    if (privateKey === null) return;
    const clients = createGithubClient({
      appId,
      privateKey,
      apiUrl,
      log,
      longestWait: LONGEST_WAIT,
    });
    this.#refetcher = new Refetcher({ dataSource, clients, appId, log });
    this.#refetcher.start();
  }
}
