import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { MAX_CONNECTIONS } from '../../src/server.js';
import { READ_TIMEOUT } from '../../src/timeouts.js';
import { createDatabase, type TestDatabase } from '../helpers/databases.js';
import { startTestServer, type TestServer } from '../helpers/server.js';
import { size } from '../helpers/size.js';
import { type Fault, type FaultProxy, startFaultProxy } from './fault-proxy.js';
import { type Answer, addCallers, type Caller, rest, type Tally, underLoad } from './load.js';

const ROUNDS = size(1, 10);
jest.setTimeout(size(30_000, 300_000));

let database: TestDatabase;
let proxy: FaultProxy;
let server: TestServer;
let callers: Caller[];

beforeEach(async () => {
  database = await createDatabase('PostgreSQL');
  proxy = await startFaultProxy(database.env.DATABASE_URL as string);
  server = await startTestServer({
    ...database,
    env: { ...database.env, DATABASE_URL: proxy.url },
  });
  await server.ready;
  callers = await addCallers(database.env.DATABASE_URL as string, 50);
});
afterEach(async () => {
  proxy?.set(null);
  await server?.close();
  await proxy?.close();
  await database?.remove();
});

/** Milliseconds until the pool can run a statement on all its connections at once. */
async function untilPoolRecovered(): Promise<number> {
  const start = Date.now();
  for (;;) {
    const one = () =>
      server.database.query('SELECT pg_backend_pid() AS pid, pg_sleep(0.2)', [], {
        name: 'pid',
        timeout: READ_TIMEOUT,
      });
    const all = await Promise.allSettled(Array.from({ length: MAX_CONNECTIONS }, one));
    const pids = all.flatMap((each) => (each.status === 'fulfilled' ? each.value.rows : []));
    if (new Set(pids.map((row) => (row as { pid: number }).pid)).size === MAX_CONNECTIONS)
      return Date.now() - start;
    if (Date.now() - start > 10_000) throw new Error('the pool did not recover within 10 s');
  }
}

async function backends(): Promise<number> {
  const client = new pg.Client({ connectionString: database.env.DATABASE_URL });
  await client.connect();
  const { rows } = await client.query(
    "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'installations-server'",
  );
  await client.end();
  return rows[0].count;
}

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !condition(); await sleep(5)) {
    if (Date.now() > deadline) throw new Error(`timed out after 10 s: ${condition}`);
  }
}

/** Applies the fault under load until `during` resolves, and checks the recovery. */
async function withFault(fault: Fault, during: (tally: Tally) => Promise<void>): Promise<void> {
  let recovery = 0;
  const tally = await underLoad(server.url, callers, async (tally) => {
    for (let round = 0; round < ROUNDS; round++) {
      const { right } = tally;
      await until(() => tally.right > right + 100);
      proxy.set(fault);
      await during(tally);
      proxy.set(null);
      recovery = Math.max(recovery, await untilPoolRecovered());
    }
  });
  const { right, refused, wrong, slowest } = tally;
  if (ROUNDS > 1)
    console.info({ ...fault, right, refused, wrong: wrong.length, slowest, recovery });
  expect(wrong).toEqual([]);
  expect(slowest).toBeLessThan(3_000);
  expect(recovery).toBeLessThan(5_000);
  expect(await backends()).toBeLessThanOrEqual(MAX_CONNECTIONS);
}

/** Waits until all requests in flight have failed, and later ones too. */
const untilRefused = (tally: Tally): Promise<void> => {
  const { refused } = tally;
  return until(() => tally.refused > refused + 32);
};

test('a frozen network causes 503 in time, and delayed responses reach no other caller', () =>
  withFault({ kind: 'freeze' }, untilRefused));

test('a network frozen for 300 ms causes no refusal', async () => {
  const tally = await underLoad(server.url, callers, async (tally) => {
    await until(() => tally.right > 100);
    proxy.set({ kind: 'freeze' });
    await sleep(300);
    proxy.set(null);
    const { right } = tally;
    await until(() => tally.right > right + 100);
  });
  expect(tally).toMatchObject({ refused: 0, wrong: [] });
});

test('reset connections cause 503 in time', () => withFault({ kind: 'reset' }, untilRefused));

test('a network of 1 byte per 10 ms causes 503 in time', () =>
  withFault({ kind: 'trickle', bytes: 1 }, untilRefused));

test('connections that end within a response cause 503 in time', () =>
  withFault({ kind: 'cut', after: 40 }, untilRefused));

test('a latency of 50 ms causes no refusal', async () => {
  proxy.set({ kind: 'latency', milliseconds: 50 });
  const tally = await underLoad(server.url, callers, async (tally) => {
    await until(() => tally.right > 100);
  });
  expect(tally).toMatchObject({ refused: 0, wrong: [] });
});

test('a latency beyond the connection timeout lets reads end in time', async () => {
  proxy.set({ kind: 'reset' });
  await sleep(100);
  proxy.set({ kind: 'latency', milliseconds: 400 });
  const answers: Promise<Answer>[] = [];
  for (let n = 0; n < 30; n++) {
    answers.push(rest(server.url, callers[n] as Caller));
    await sleep(50);
  }
  const times = (await Promise.all(answers)).map(({ milliseconds }) => milliseconds);
  expect(Math.max(...times)).toBeLessThan(3_000);
});
