import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { type DataSource, IsNull, Not } from 'typeorm';
import { loadConfig } from '../../src/config.js';
import { createPool } from '../../src/database/create-pool.js';
import { createDataSource } from '../../src/database/data-source.js';
import { ENTITIES } from '../../src/entities.js';
import { isSuccess } from '../../src/explore/demo-github/deliveries.js';
import type { App } from '../../src/explore/demo-github/model.js';
import { AppState } from '../../src/github/app-state.entity.js';
import { createGithubClient, type GithubClients } from '../../src/github/client.js';
import { SyncUnderWayError } from '../../src/github/lease.js';
import { privateKeyOf } from '../../src/github/private-key.js';
import { sync } from '../../src/github/sync.js';
import { InstallationFact } from '../../src/installations/installation-fact.entity.js';
import { type Served, serve, until } from '../cli/process.js';
import { createDatabase, type TestDatabase } from '../helpers/databases.js';
import {
  type Held,
  KEYS,
  randomOf,
  shuffled,
  startGithub,
  type TestGithub,
} from '../helpers/github.js';
import { keptState, trueState } from '../helpers/github-state.js';
import { GRANTS } from '../helpers/grants.js';
import { act, type Step } from '../helpers/histories.js';
import { PASSWORD } from '../helpers/server.js';
import { deliver } from '../helpers/webhooks.js';
import { HistoryPeople } from './history-people.js';

const SIGNED = { SESSION_PASSWORD: PASSWORD, RATE_LIMIT: '0', RATE_LIMIT_ANONYMOUS: '0' };
/** Milliseconds of an answer of GitHub. */
const SLOWEST = 60;
/** The share of questions about an installation that GitHub does not answer. */
const REFUSED = 0.03;
/** Deliveries. */
const AT_ONCE = 4;
/** Milliseconds at most: Octokit tries a token that is refused when it is new for six seconds. */
const SETTLING = 60_000;
/** Marked after a failure; a claim is always longer. */
const PAUSED =
  "dirty_since IS NOT NULL AND refetch_after BETWEEN now() AND now() + interval '39 seconds'";

type State = ReturnType<typeof trueState>;

/** A GitHub with two Apps, and a server of the first, which may be killed: one history after the other. */
export class HistoryScene {
  #github!: TestGithub;
  #apps!: [App, App];
  #database!: TestDatabase;
  #dataSource!: DataSource;
  #clients!: GithubClients;
  #server: Served | null = null;
  /** Seconds that GitHub's clock is ahead. */
  #ahead = 0;
  #peopleNow: HistoryPeople | null = null;
  readonly #underWay = new Set<Promise<void>>();

  async start(): Promise<void> {
    this.#github = await startGithub();
    const { app, world, env, url } = this.#github;
    this.#apps = [app, world.addApp({ publicKey: KEYS.publicKey })];
    world.now = () => new Date(Date.now() + 1000 * this.#ahead);
    this.#database = await createDatabase('PostgreSQL');
    await this.#startServer();
    const pool = createPool(loadConfig(this.#database.env), () => {}, 2);
    this.#dataSource = await createDataSource(pool, ENTITIES).initialize();
    this.#clients = createGithubClient({
      appId: env.GITHUB_APP_ID as string,
      privateKey: privateKeyOf(KEYS.pem) as string,
      apiUrl: url,
      log: { warn() {} },
    });
    // The first sync, which runs by itself.
    const { manager } = this.#dataSource;
    await until(() => manager.existsBy(AppState, { syncedAt: Not(IsNull()) }));
  }

  async stop(): Promise<void> {
    await this.#server?.stop('SIGTERM');
    await this.#dataSource?.destroy();
    await this.#github?.close();
    await this.#database?.remove();
  }

  /** What is kept must equal what is so at GitHub: without any loss by itself, else after one sync. */
  async play(steps: readonly Step[], seed: number): Promise<void> {
    const { world, actions, fault } = this.#github;
    const random = randomOf(seed);
    await this.#begin();
    // So that much happens between what is asked for and what is written.
    fault(({ path }) =>
      /^(?!\/user).*(\d|repositories)$/.test(path) && random() < REFUSED
        ? { status: 403 }
        : { late: random() < 0.5 ? random() * SLOWEST : 0 },
    );
    for (const step of steps) await this.#happen(step);
    await this.#deliverAll(random);
    fault(null);
    const isLossless = steps.every(({ name }) => name !== 'lose');
    if (!isLossless) {
      await this.#people.forgetLists();
      expect(await this.#sync()).toMatchObject({ failed: 0 });
    }
    await this.#settle();
    await this.#people.check(isLossless);
    const [kept, so] = [await keptState(this.#dataSource), trueState(this.#github)];
    expect(tellable(kept, !isLossless)).toEqual(tellable(so, !isLossless));
    if (isLossless) expect(await this.#missing()).toEqual([]);
    await this.#people.connectAll();
    await this.#settle();
    await this.#people.checkAll();
    const suspended = [...world.installations.values()].filter((one) => one.suspendedAt);
    if (suspended.length === 0) return;
    for (const installation of suspended) actions.unsuspend(installation);
    await this.#deliverAll(random);
    await this.#settle();
    expect(await keptState(this.#dataSource)).toEqual(trueState(this.#github));
  }

  async #startServer(): Promise<void> {
    const { env, deliverTo } = this.#github;
    this.#server = await serve({ ...env, ...this.#database.env, ...SIGNED, LOG_LEVEL: 'error' });
    deliverTo(this.#server.url);
  }

  get #people(): HistoryPeople {
    this.#peopleNow ??= new HistoryPeople(this.#github, this.#dataSource, this.#clients, () => {
      if (!this.#server) throw new Error('no server');
      return this.#server.url;
    });
    return this.#peopleNow;
  }

  /** A GitHub with three installations on all of an account, and nothing known of it. */
  async #begin(): Promise<void> {
    const { world, actions, app, held, hold } = this.#github;
    await world.deliveries.settled();
    hold();
    held.length = 0;
    world.deliveries.log.length = 0;
    world.installations.clear();
    world.repositories.clear();
    world.accounts.length = 0;
    this.#ahead = 0;
    await this.#dataSource.query(
      'TRUNCATE github_fact_repository, github_fact_installation, github_delivery',
    );
    for (const type of ['Organization', 'Organization', 'User'] as const) {
      const account = world.addAccount(`account-${world.nextId()}`, type);
      for (let index = 0; index < 3; index++)
        actions.createRepository(account, { name: `repository-${index}` });
      actions.install(app, account);
    }
    for (let count = 0; count < 2; count++) world.addAccount(`account-${world.nextId()}`, 'User');
    await this.#people.begin();
  }

  async #happen(step: Step): Promise<void> {
    this.#people.note(step);
    if (act({ github: this.#github, apps: this.#apps }, step)) return;
    const { name, one, other } = step;
    if (name === 'pass') {
      this.#ahead += one % 3;
      await sleep(other % SLOWEST);
    }
    if (name === 'deliver') for (const held of this.#take(one)) this.#begun(this.#send(held));
    if (name === 'double')
      for (const held of this.#take(4 * one))
        this.#begun(Promise.all([this.#send(held), this.#send(held)]));
    if (name === 'lose') this.#take(4 * one);
    if (await this.#people.happen(step)) return;
    if (name === 'sync') this.#begun(this.#sync().catch(isUnderWay));
    if (name === 'kill') await this.#kill();
  }

  /** Goes on beside what follows. */
  #begun(work: Promise<unknown>): void {
    const ended = work.then(() => void this.#underWay.delete(ended));
    this.#underWay.add(ended);
  }

  /** As a sender that repeats what was not acknowledged. */
  async #send(one: Held): Promise<void> {
    const { held } = this.#github;
    await one.send();
    if (!isSuccess(one.delivery) && !held.includes(one)) held.push(one);
  }

  /** All of what waits, as GitHub sends at once, or some. */
  #take(number: number): Held[] {
    const { held } = this.#github;
    const isTaken = (index: number) => number % 4 > 0 || (number >> (index % 10)) & 1;
    const taken = held.filter((_, index) => isTaken(index));
    held.splice(0, held.length, ...held.filter((one) => !taken.includes(one)));
    return taken;
  }

  async #kill(): Promise<void> {
    await this.#server?.stop('SIGKILL');
    // What it has claimed waits for a minute.
    await this.#dataSource.query(
      'UPDATE github_fact_installation SET refetch_after = now() WHERE dirty_since IS NOT NULL',
    );
    await this.#startServer();
  }

  #sync() {
    const { signal } = new AbortController();
    return sync({
      dataSource: this.#dataSource,
      clients: this.#clients,
      grants: GRANTS,
      appId: String(this.#github.app.id),
      redelivers: false,
      signal,
    });
  }

  /** All that waits, in random order, some of it at once and some twice. */
  async #deliverAll(random: () => number): Promise<void> {
    const { held } = this.#github;
    while (held.length > 0 || this.#underWay.size > 0) {
      for (const one of shuffled(held.splice(0), random)) {
        this.#begun(this.#send(one));
        if (random() < 0.2) this.#begun(this.#send(one));
        if (this.#underWay.size >= AT_ONCE) await Promise.race(this.#underWay);
      }
      await Promise.all(this.#underWay);
    }
  }

  /** Until GitHub was asked about all that is marked; time passes faster for what waits after a failure. */
  #settle(): Promise<void> {
    return until(async () => {
      const [, paused] = await this.#dataSource.query(
        `UPDATE github_fact_installation SET refetch_after = now() WHERE ${PAUSED}`,
      );
      // Wakes what asks.
      if (paused > 0 && this.#server) await deliver(this.#server, { event: 'ping', payload: {} });
      await this.#people.listMembers();
      const marked = { dirtySince: Not(IsNull()), deletedAt: IsNull() };
      if (await this.#dataSource.manager.existsBy(InstallationFact, marked)) return false;
      return this.#people.areListed();
    }, SETTLING);
  }

  #missing(): Promise<InstallationFact[]> {
    const missing = { missingSince: Not(IsNull()), deletedAt: IsNull() };
    return this.#dataSource.manager.findBy(InstallationFact, missing);
  }
}

function isUnderWay(error: unknown): void {
  expect(error).toBeInstanceOf(SyncUnderWayError);
}

/** GitHub tells nothing of a suspended installation until it is back; asked for, it lists no repositories of it. */
function tellable(state: State, isSynced: boolean) {
  return state.map((one) => {
    if (!one.isSuspended) return one;
    const { repositories, ...rest } = one;
    return isSynced ? rest : { id: one.id };
  });
}
