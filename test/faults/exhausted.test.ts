import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { type Served, serve } from '../cli/process.js';
import { createDatabase, type TestDatabase } from '../helpers/databases.js';
import { UNLIMITED } from '../helpers/server.js';
import { size } from '../helpers/size.js';
import { type Answer, addCallers, ask, type Caller, rest, viewer } from './load.js';

const SECONDS = size(4, 60);
jest.setTimeout((SECONDS + 30) * 1_000);
/** The connections of the pool, and a few with a CancelRequest in flight. */
const MAX_BACKENDS = 20;

let database: TestDatabase;
let server: Served;
let callers: Caller[];

beforeAll(async () => {
  database = await createDatabase('PostgreSQL');
  server = await serve({ ...database.env, ...UNLIMITED });
  callers = await addCallers(database.env.DATABASE_URL as string, 200);
});
afterAll(async () => {
  await server?.stop('SIGINT');
  await database?.remove();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.env.DATABASE_URL });
  await client.connect();
  return client;
}

test(`while all statements hang for ${SECONDS} s, reads time out and other routes respond`, async () => {
  const locker = await connect();
  const observer = await connect();
  await locker.query('BEGIN');
  await locker.query('LOCK TABLE neptun_user IN ACCESS EXCLUSIVE MODE');

  const answers: Promise<Answer>[] = [];
  const cheap: Answer[] = [];
  let backends = 0;
  const end = Date.now() + SECONDS * 1_000;
  for (let n = 0; Date.now() < end; n++) {
    answers.push((n % 2 ? rest : viewer)(server.url, callers[n % callers.length] as Caller));
    cheap.push(await ask(`${server.url}/live`, { method: 'GET', headers: {} }));
    if (n % 50 === 0) backends = Math.max(backends, await countBackends(observer));
    await sleep(5);
  }
  const ready = await fetch(`${server.url}/ready`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ reason: 'the database does not answer in time' });
  const start = Date.now();
  await locker.query('COMMIT');
  while ((await rest(server.url, callers[0] as Caller)).status !== 200) await sleep(10);
  const recovery = Date.now() - start;
  await Promise.all([locker.end(), observer.end()]);

  const all = await Promise.all(answers);
  const times = all.map(({ milliseconds }) => milliseconds);
  const p99 = percentile(
    cheap.map(({ milliseconds }) => milliseconds),
    0.99,
  );
  if (SECONDS > 4) {
    const [median, slowest] = [percentile(times, 0.5), Math.max(...times)];
    console.info({ requests: all.length, median, slowest, backends, recovery, p99 });
    expect(p99).toBeLessThan(50);
  }
  expect(cheap.every(({ status }) => status === 200)).toBe(true);
  // Most reads time out in the queue; statements have a longer timeout.
  expect(percentile(times, 0.5)).toBeLessThan(1_000);
  expect(Math.max(...times)).toBeLessThan(3_000);
  expect(backends).toBeLessThanOrEqual(MAX_BACKENDS);
  expect(recovery).toBeLessThan(2_000);
  // The last reads succeed after the lock is released.
  const refused = all.filter(
    ({ status, body }) => status === 503 || body.includes('SERVICE_UNAVAILABLE'),
  );
  expect(refused.length).toBeGreaterThan(all.length / 2);
  const others = all.filter((answer) => !refused.includes(answer));
  expect(others.every(({ status, body }) => status === 200 && !body.includes('errors'))).toBe(true);
});

const percentile = (values: number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] as number;

async function countBackends(client: pg.Client): Promise<number> {
  const { rows } = await client.query(
    "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'installations-server'",
  );
  return rows[0].count;
}
