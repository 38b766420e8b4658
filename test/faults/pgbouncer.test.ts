import { hash } from 'node:crypto';
import { afterEach, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { until } from '../cli/process.js';
import { createDatabase, type TestDatabase } from '../helpers/databases.js';
import { type PgBouncer, startPgBouncer } from '../helpers/pgbouncer.js';
import { startTestServer, type TestServer } from '../helpers/server.js';
import { size } from '../helpers/size.js';
import { type Answer, addCallers, type Caller, rest, underLoad } from './load.js';

const ANSWERS = size(500, 50_000);
jest.setTimeout(size(30_000, 200_000));
const PREPARED = 'SELECT name, statement FROM pg_prepared_statements';

let database: TestDatabase;
let bouncer: PgBouncer;
let server: TestServer;
let callers: Caller[];

afterEach(async () => {
  await server?.close();
  await bouncer?.remove();
  await database?.remove();
});

async function start(poolSize: number): Promise<void> {
  database = await createDatabase('PostgreSQL');
  bouncer = await startPgBouncer(database.env.DATABASE_URL as string, poolSize);
  server = await startTestServer({
    ...database,
    env: { ...database.env, DATABASE_URL: bouncer.url },
  });
  await server.ready;
  callers = await addCallers(database.env.DATABASE_URL as string, 50);
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

/** Runs `work` while the table is locked. */
async function whileLocked<Result>(
  work: (observer: pg.Client) => Promise<Result>,
): Promise<Result> {
  const [locker, observer] = [await connect(directUrl()), await connect(directUrl())];
  try {
    await locker.query('BEGIN; LOCK TABLE neptun_user IN ACCESS EXCLUSIVE MODE');
    return await work(observer);
  } finally {
    await Promise.all([locker.end(), observer.end()]);
  }
}

const directUrl = () => database.env.DATABASE_URL as string;
const WAITING =
  "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

test('responses are correct under load over several server connections', async () => {
  await start(4);
  const tally = await underLoad(server.url, callers, async (tally) => {
    await until(() => tally.right >= ANSWERS);
  });
  if (ANSWERS > 500) console.info(tally);
  expect(tally).toMatchObject({ refused: 0, wrong: [] });
});

test('a statement prepared on another connection (26000) is repeated without preparing it', async () => {
  await start(2);
  const caller = callers[0] as Caller;
  expect(await rest(server.url, caller)).toMatchObject({ status: 200 });
  // PgBouncer reuses the last connection first: this transaction holds it.
  const holder = await connect(bouncer.url);
  await holder.query('BEGIN');
  expect((await holder.query(PREPARED)).rows).toHaveLength(1);
  expect(await rest(server.url, caller)).toMatchObject({
    status: 200,
    body: expect.stringContaining(caller.githubId),
  });
  await holder.end();
});

test('a statement prepared by another client on the connection (42P05) is repeated likewise', async () => {
  await start(1);
  const caller = callers[0] as Caller;
  expect(await rest(server.url, caller)).toMatchObject({ status: 200 });
  const env = { ...database.env, DATABASE_URL: bouncer.url };
  const second = await startTestServer({ ...database, env });
  await second.ready;
  for (const { url } of [second, server, second]) {
    expect(await rest(url, caller)).toMatchObject({
      status: 200,
      body: expect.stringContaining(caller.githubId),
    });
  }
  await second.close();
});

test('the name of a prepared statement is a hash of its text', async () => {
  await start(1);
  expect(await rest(server.url, callers[0] as Caller)).toMatchObject({ status: 200 });
  const client = await connect(bouncer.url);
  const { rows } = await client.query(PREPARED);
  await client.end();
  const [{ name, statement }] = rows;
  expect(name).toBe(`read_${hash('sha256', statement).slice(0, 16)}`);
});

test('a statement that times out is cancelled in PostgreSQL', async () => {
  await start(4);
  await whileLocked(async (observer) => {
    const answers = callers.slice(0, 20).map((caller) => rest(server.url, caller));
    for (const { status, milliseconds } of await Promise.all(answers)) {
      expect(status).toBe(503);
      expect(milliseconds).toBeLessThan(3_000);
    }
    await until(async () => (await observer.query(`SELECT ${WAITING}`)).rowCount === 0);
  });
  expect(await rest(server.url, callers[0] as Caller)).toMatchObject({ status: 200 });
});

test('a read succeeds although its backend is killed during the statement', async () => {
  await start(2);
  let answer: Promise<Answer> | undefined;
  await whileLocked(async (observer) => {
    answer = rest(server.url, callers[0] as Caller);
    const kill = `SELECT pg_terminate_backend(pid) ${WAITING}`;
    await until(async () => (await observer.query(kill)).rowCount === 1);
  });
  expect(await answer).toMatchObject({ status: 200 });
});
