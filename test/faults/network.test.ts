import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { MAX_CONNECTIONS } from '../../src/server.js';
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

/** Milliseconds until the pool has all its connections again, each with a statement under way at once. */
async function untilWhole(): Promise<number> {
  const start = Date.now();
  for (;;) {
    const one = () => server.database.query('SELECT pg_backend_pid() AS pid, pg_sleep(0.2)');
    const all = await Promise.allSettled(Array.from({ length: MAX_CONNECTIONS }, one));
    const pids = all.flatMap((each) => (each.status === 'fulfilled' ? each.value.rows : []));
    if (new Set(pids.map((row) => (row as { pid: number }).pid)).size === MAX_CONNECTIONS)
      return Date.now() - start;
    if (Date.now() - start > 10_000) throw new Error('The pool was not whole within 10 s');
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
    if (Date.now() > deadline) throw new Error(`Not within 10 s: ${condition}`);
  }
}

/** The fault comes and goes under load; what `during` waits for must happen while it lasts. */
async function suffer(fault: Fault, during: (tally: Tally) => Promise<void>): Promise<void> {
  let recovery = 0;
  const tally = await underLoad(server.url, callers, async (tally) => {
    for (let round = 0; round < ROUNDS; round++) {
      const { right } = tally;
      await until(() => tally.right > right + 100);
      proxy.set(fault);
      await during(tally);
      proxy.set(null);
      recovery = Math.max(recovery, await untilWhole());
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

/** All that can be under way has failed, and then somebody who came later. */
const untilRefused = (tally: Tally): Promise<void> => {
  const { refused } = tally;
  return until(() => tally.refused > refused + 32);
};

test('a network that freezes: 503 in time, and no late answer is given to somebody else', () =>
  suffer({ kind: 'freeze' }, untilRefused));

test('a network that freezes for a moment: nobody is refused', async () => {
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

test('a network that resets every connection', () => suffer({ kind: 'reset' }, untilRefused));

test('a network that trickles', () => suffer({ kind: 'trickle', bytes: 1 }, untilRefused));

test('connections that end in the middle of an answer', () =>
  suffer({ kind: 'cut', after: 40 }, untilRefused));

test('a network that is slow: answers are late, not refused', async () => {
  proxy.set({ kind: 'latency', milliseconds: 50 });
  const tally = await underLoad(server.url, callers, async (tally) => {
    await until(() => tally.right > 100);
  });
  expect(tally).toMatchObject({ refused: 0, wrong: [] });
});

test('a network so slow that no connection opens in time for a statement: reads end in time', async () => {
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
