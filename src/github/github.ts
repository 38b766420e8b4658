import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { DataSource } from 'typeorm';
import { opened } from '../database/data-source.js';
import type { Database } from '../database/database.js';
import type { Tables } from '../database/tables.js';
import { messageOf } from '../errors.js';
import { Grants } from '../grants/grants.js';
import type { GithubApp } from './app.js';
import { AppDescription, type DescribedApp } from './app-description.js';
import { type ExpectedSettings, fetchWebhook, findMisfits } from './app-settings.js';
import { createGithubClient, type GithubClients } from './client.js';
import { Connecting } from './connect/connecting.js';
import { OAuth } from './connect/oauth.js';
import { type Counts, readCounts } from './counts.js';
import { findObstacle } from './fact-tables.js';
import { MemberLists } from './member-lists.js';
import { Proofs } from './proofs.js';
import { Refetcher } from './refetcher.js';
import { Sightings } from './sightings.js';
import { SyncTimer } from './sync-timer.js';
import { Upkeep } from './upkeep.js';
import type { WebhookOptions } from './webhook.routes.js';

export interface GithubOptions {
  appId: string;
  /** PEM, PKCS #8; `null`: GitHub is not asked. */
  privateKey: string | null;
  /** Empty: no webhooks. */
  webhookSecrets: readonly string[];
  apiUrl: string;
  /** Days. */
  proofDays: number;
  /** Logins in lower case; `null`: all accounts are served. */
  allowedAccounts: readonly string[] | null;
  clientId: string | null;
  /** `null`: users cannot connect. */
  clientSecret: string | null;
  /** Of GitHub's pages. */
  url: string;
  /** This server's own; `null`: as a browser names it. */
  publicUrl: string | null;
  /** Seconds; `null`: no sync by a timer. */
  syncInterval: number | null;
  /** Apart from the connections of reads, which never wait for it; of the embedded database, the only one. */
  dataSource: DataSource;
  database: Pick<Database, 'tables' | 'inspect'>;
  log: FastifyBaseLogger;
}

/** Milliseconds between two looks whether the tables are there, or have changed. */
const LOOK_INTERVAL = 2_000;
/** Milliseconds at the end, also for a database that does not answer. */
const STOP_TIMEOUT = 3_000;
/** Seconds that a request waits for a rate limit; a refetch keeps a longer wait in the database. */
const LONGEST_WAIT = { refetch: 10, sync: 3600 };

/** What keeps the rows true in a running server: off while the database lacks the tables for it. */
export class Github {
  readonly #options: GithubOptions;
  readonly #grants: Grants;
  readonly #sightings: Sightings;
  /** `null`: users cannot connect. */
  readonly connecting: Connecting | null;
  #description: AppDescription | null = null;
  #refetcher: Refetcher | null = null;
  #syncTimer: SyncTimer | null = null;
  #upkeep: Upkeep | null = null;
  #hasBegun = false;
  #isUsable = false;
  #seen: Tables | null = null;
  #obstacle: string | null = null;
  /** Of an obstacle that does not pass. */
  #remedy: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | null = null;

  constructor(options: GithubOptions) {
    this.#options = options;
    this.#grants = new Grants(options);
    this.#sightings = new Sightings({
      grants: this.#grants,
      dataSource: () => this.dataSource,
      log: options.log,
    });
    this.connecting = this.#createConnecting();
  }

  /** `null`: nothing is known of it. */
  get app(): DescribedApp | null {
    return this.#description?.current ?? null;
  }

  /** `null`: GitHub sends none. */
  get webhooks(): WebhookOptions | null {
    const { appId, webhookSecrets: secrets, privateKey, log } = this.#options;
    if (secrets.length === 0) return null;
    return {
      appId,
      secrets,
      dataSource: () => this.dataSource,
      obstacle: () => this.#remedy,
      isAsked: privateKey !== null,
      grants: this.#grants,
      wake: () => this.wake(),
      log,
    };
  }

  /** Where webhooks write; `null`: the tables are not there, or not looked at yet. */
  get dataSource(): DataSource | null {
    return this.#isUsable ? this.#options.dataSource : null;
  }

  /** After the commit of a mark. */
  wake(): void {
    this.#refetcher?.wake();
  }

  /** A session says which GitHub account its user has, or nothing of it. */
  see(userId: string, githubId: string | null): void {
    this.#sightings.add(userId, githubId);
  }

  /** @returns `null`: nothing is kept now */
  async counts(): Promise<Counts | null> {
    return this.dataSource && readCounts(this.dataSource, this.#options.appId);
  }

  /** Begins as soon as the tables are there. */
  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL).unref();
    this.#look();
  }

  /** Ends what asks GitHub: what is under way has a moment, and all else keeps its mark. Webhooks are served still. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const ended = Promise.resolve(this.#looking).then(() =>
      Promise.all([
        this.#refetcher?.close(),
        this.#syncTimer?.close(),
        this.#upkeep?.close(),
        this.connecting?.close(),
      ]),
    );
    this.#description?.close();
    this.#sightings.close();
    await Promise.race([ended, sleep(STOP_TIMEOUT, undefined, { ref: false })]);
  }

  #createConnecting(): Connecting | null {
    const { clientId, clientSecret, appId, privateKey, apiUrl, url, log } = this.#options;
    if (clientId === null || clientSecret === null) return null;
    const dataSource = () => this.dataSource;
    return new Connecting({
      appId,
      oauth: new OAuth({ apiUrl, url, clientId, clientSecret, log }),
      proofs: new Proofs({
        dataSource,
        grants: this.#grants,
        isAsked: privateKey !== null,
        wake: () => this.wake(),
      }),
      dataSource,
      refreshRequests: async () => this.#description?.refreshRequests(),
      log,
    });
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
      await opened(dataSource);
      this.#remedy = await findObstacle(dataSource, tables.origin);
      obstacle = this.#remedy;
    } catch (error) {
      this.#remedy = null;
      obstacle = messageOf(error);
    }
    this.#isUsable = obstacle === null;
    // Tables that are made later are not always known to the readers, so that it looks again.
    this.#seen = this.#isUsable ? tables : null;
    if (obstacle && obstacle !== this.#obstacle)
      log.warn(`What GitHub says is not kept: ${obstacle}`);
    // For readers, which know the tables of the start.
    if (this.#isUsable && this.#obstacle) void this.#options.database.inspect();
    this.#obstacle = obstacle;
    if (!this.#isUsable || this.#hasBegun) return;
    this.#hasBegun = true;
    this.#begin();
  }

  #begin(): void {
    const { appId, privateKey, webhookSecrets, apiUrl, syncInterval, dataSource, log } =
      this.#options;
    logWhatHolds(this.#options);
    const grants = this.#grants;
    const upkeepWith = (members: MemberLists | null) => {
      this.#upkeep = new Upkeep({ dataSource, grants, members, log });
      this.#upkeep.start();
    };
    const describe = (clients: GithubClients | null) =>
      new AppDescription({ appId, githubUrl: this.#options.url, dataSource, clients, log });
    if (privateKey === null) {
      upkeepWith(null);
      this.#description = describe(null);
      void this.#description.start();
      return;
    }
    const clientsWaiting = (longestWait: number) =>
      createGithubClient({ appId, privateKey, apiUrl, log, longestWait });
    const clients = clientsWaiting(LONGEST_WAIT.refetch);
    this.#description = describe(clients);
    const onFailure = (error: unknown, accountId: string) =>
      log.warn({ err: error, accountId }, 'the members of an organization could not be listed');
    upkeepWith(new MemberLists({ dataSource, clients, grants, onFailure }));
    const redelivers = webhookSecrets.length > 0;
    this.#refetcher = new Refetcher({ dataSource, clients, grants, appId, log });
    this.#syncTimer = new SyncTimer({
      dataSource,
      clients: clientsWaiting(LONGEST_WAIT.sync),
      grants,
      appId,
      redelivers,
      interval: syncInterval,
      log,
    });
    this.#refetcher.start();
    this.#syncTimer.start();
    const { clientId, publicUrl } = this.#options;
    const expected = { receivesWebhooks: redelivers, clientId, publicUrl };
    void logMisfits(this.#description.start(), clients, expected, log);
  }
}

/** What the configuration can keep true, and what it cannot. */
function logWhatHolds({ privateKey, webhookSecrets, syncInterval, log, ...rest }: GithubOptions) {
  const { clientId, clientSecret, publicUrl } = rest;
  const missing = [
    ...(clientId === null ? ['GITHUB_CLIENT_ID'] : []),
    ...(clientSecret === null ? ['GITHUB_CLIENT_SECRET'] : []),
  ];
  log.info(
    missing.length > 0
      ? `Users cannot connect with GitHub: ${missing.join(' and ')} not set`
      : `Users connect with GitHub at ${publicUrl ?? ''}/github/connect`,
  );
  const bySync = syncInterval === null ? 'npm run cli -- sync' : `the sync every ${syncInterval} s`;
  const hasWebhooks = webhookSecrets.length > 0;
  if (hasWebhooks && privateKey !== null) {
    const text = `Webhooks keep the installations true, and ${bySync} repairs what they missed`;
    log.info(syncInterval === null ? `${text}: GITHUB_SYNC_INTERVAL runs it` : text);
  } else if (hasWebhooks) {
    log.warn(
      'Webhooks alone are believed, as there is no GITHUB_APP_PRIVATE_KEY: what GitHub could not deliver, or delivers ' +
        'late, is not repaired',
    );
  } else {
    log.warn(
      `Changes at GitHub are seen only by ${bySync}: GITHUB_WEBHOOK_SECRET, with a webhook of the App, shows them at once`,
    );
  }
}

async function logMisfits(
  described: Promise<GithubApp | null>,
  clients: GithubClients,
  expected: ExpectedSettings,
  log: FastifyBaseLogger,
): Promise<void> {
  try {
    const app = await described;
    if (!app) return;
    const misfits = findMisfits(app, await fetchWebhook(clients), expected);
    for (const text of misfits) log.warn(`Settings at GitHub: ${text}`);
  } catch (error) {
    log.warn({ err: error }, 'the settings of the App at GitHub could not be looked at');
  }
}
