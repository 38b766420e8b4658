import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type DataSource, IsNull, Not } from 'typeorm';
import { loadConfig } from '../../src/config.js';
import { createPool } from '../../src/database/create-pool.js';
import { createDataSource } from '../../src/database/data-source.js';
import type { Pool } from '../../src/database/pool.js';
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
import { act, histories, type Step } from '../helpers/histories.js';
import { size } from '../helpers/size.js';
import { deliver } from '../helpers/webhooks.js';

const HISTORIES = size(25, 10_000);
/** Milliseconds of an answer of GitHub. */
const SLOWEST = 20;
/** Deliveries. */
const AT_ONCE = 4;

let github: TestGithub;
let apps: [App, App];
let database: TestDatabase;
let pool: Pool;
let dataSource: DataSource;
let clients: GithubClients;
let server: Served;
/** Seconds that GitHub's clock is ahead. */
let ahead = 0;

beforeAll(async () => {
  github = await startGithub();
  apps = [github.app, github.world.addApp({ publicKey: KEYS.publicKey })];
  github.world.now = () => new Date(Date.now() + 1000 * ahead);
  database = await createDatabase('PostgreSQL');
  await startServer();
  pool = createPool(loadConfig(database.env), () => {}, 2);
  dataSource = await createDataSource(pool, ENTITIES).initialize();
  clients = createGithubClient({
    appId: github.env.GITHUB_APP_ID as string,
    privateKey: privateKeyOf(KEYS.pem) as string,
    apiUrl: github.url,
    log: { warn() {} },
  });
  // The first sync, which runs by itself.
  await until(() => dataSource.manager.existsBy(AppState, { syncedAt: Not(IsNull()) }));
}, 30_000);
afterAll(async () => {
  await server?.stop('SIGTERM');
  await pool?.end();
  await github?.close();
  await database?.remove();
});

async function startServer(): Promise<void> {
  server = await serve({ ...github.env, ...database.env, LOG_LEVEL: 'error' });
  github.deliverTo(server.url);
}

/** An empty GitHub, and nothing known of it. */
async function begin(): Promise<void> {
  const { world } = github;
  await world.deliveries.settled();
  github.hold();
  github.held.length = 0;
  world.deliveries.log.length = 0;
  world.installations.clear();
  world.repositories.clear();
  world.accounts.length = 0;
  ahead = 0;
  await dataSource.query(
    'TRUNCATE github_fact_repository, github_fact_installation, github_delivery',
  );
  for (const type of ['Organization', 'Organization', 'User'] as const) {
    const account = world.addAccount(`account-${world.nextId()}`, type);
    for (let index = 0; index < 3; index++)
      github.actions.createRepository(account, { name: `repository-${index}` });
    github.actions.install(github.app, account);
  }
}

const underWay = new Set<Promise<void>>();

/** What goes on beside what follows. */
function begun(work: Promise<unknown>): Promise<void> {
  const ended = work.then(() => void underWay.delete(ended));
  underWay.add(ended);
  return ended;
}

/** As a sender that repeats what was not acknowledged. */
async function send(held: Held): Promise<void> {
  await held.send();
  if (!isSuccess(held.delivery) && !github.held.includes(held)) github.held.push(held);
}

/** All of what waits, as GitHub sends at once, or some. */
function take(number: number): Held[] {
  const isTaken = (index: number) => number % 4 > 0 || (number >> (index % 10)) & 1;
  const taken = github.held.filter((_, index) => isTaken(index));
  github.held = github.held.filter((held) => !taken.includes(held));
  return taken;
}

async function kill(): Promise<void> {
  await server.stop('SIGKILL');
  // What it has claimed waits for a minute.
  await dataSource.query(
    'UPDATE github_fact_installation SET refetch_after = now() WHERE dirty_since IS NOT NULL',
  );
  await startServer();
}

async function happen(step: Step): Promise<void> {
  if (act({ github, apps }, step)) return;
  const { name, one, other } = step;
  if (name === 'pass') {
    ahead += one % 3;
    await sleep(other % (2 * SLOWEST));
  }
  if (name === 'deliver') for (const held of take(one)) begun(send(held));
  if (name === 'double')
    for (const held of take(4 * one)) begun(Promise.all([send(held), send(held)]));
  if (name === 'lose') take(4 * one);
  if (name === 'sync') begun(syncOnce().catch(isUnderWay));
  if (name === 'kill') await kill();
}

function syncOnce() {
  const { signal } = new AbortController();
  const appId = String(github.app.id);
  return sync({ dataSource, clients, appId, redelivers: false, signal });
}

function isUnderWay(error: unknown): void {
  expect(error).toBeInstanceOf(SyncUnderWayError);
}

/** All that waits, in random order, some of it at once and some twice. */
async function deliverAll(random: () => number): Promise<void> {
  while (github.held.length > 0 || underWay.size > 0) {
    for (const held of shuffled(github.held.splice(0), random)) {
      begun(send(held));
      if (random() < 0.2) begun(send(held));
      if (underWay.size >= AT_ONCE) await Promise.race(underWay);
    }
    await Promise.all(underWay);
  }
}

/** Marked after a failure; a claim is always longer. */
const PAUSED =
  "dirty_since IS NOT NULL AND refetch_after BETWEEN now() AND now() + interval '39 seconds'";

/** Until GitHub was asked about all that is marked; time passes faster for what waits after a failure. */
function settle(): Promise<void> {
  return until(async () => {
    await dataSource.query(
      `UPDATE github_fact_installation SET refetch_after = now() WHERE ${PAUSED}`,
    );
    // Wakes what asks.
    await deliver(server, { event: 'ping', payload: {} });
    const marked = { dirtySince: Not(IsNull()), deletedAt: IsNull() };
    return !(await dataSource.manager.existsBy(InstallationFact, marked));
  });
}

type State = ReturnType<typeof trueState>;

/** GitHub tells nothing of a suspended installation until it is back; asked for, it lists no repositories of it. */
const tellable = (state: State, isSynced: boolean) =>
  state.map((one) => {
    if (!one.isSuspended) return one;
    const { id, account, selection } = one;
    return isSynced ? { id, account, selection } : { id };
  });

async function play(steps: readonly Step[], seed: number): Promise<void> {
  const random = randomOf(seed);
  await begin();
  // So that much happens between what is asked for and what is written.
  github.fault(() => ({ delay: random() < 0.5 ? random() * SLOWEST : 0 }));
  for (const step of steps) await happen(step);
  await deliverAll(random);
  const isLossless = steps.every(({ name }) => name !== 'lose');
  if (!isLossless) expect(await syncOnce()).toMatchObject({ failed: 0 });
  await settle();
  const kept = await keptState(dataSource);
  expect(tellable(kept, !isLossless)).toEqual(tellable(trueState(github), !isLossless));
  const missing = await dataSource.manager.findBy(InstallationFact, {
    missingSince: Not(IsNull()),
    deletedAt: IsNull(),
  });
  if (isLossless) expect(missing).toEqual([]);
  for (const installation of github.world.installations.values())
    if (installation.suspendedAt) github.actions.unsuspend(installation);
  await deliverAll(random);
  await settle();
  expect(await keptState(dataSource)).toEqual(trueState(github));
}

// A lost `deleted` ends as missing, which is not served; any loss is repaired by one sync.
test(`What is kept equals what is so at GitHub, after each of ${HISTORIES} histories`, async () => {
  const others = { deliver: 120, double: 20, pass: 60, kill: 1 };
  const steps = fc.oneof(histories(others), histories({ ...others, lose: 40, sync: 4 }));
  const seed = Number(process.env.TEST_SEED ?? Date.now() % 2 ** 31);
  console.info(`seed ${seed}`);
  await fc.assert(fc.asyncProperty(steps, fc.nat(), play), {
    numRuns: HISTORIES,
    seed,
    // What follows depends on times that no seed repeats.
    endOnFailure: true,
  });
}, 21_600_000);
