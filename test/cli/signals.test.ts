import { randomUUID } from 'node:crypto';
import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { createDatabase, describeOnPostgres, type TestDatabase } from '../helpers/databases.js';
import { cookieOf, json, PASSWORD } from '../helpers/server.js';
import { serve, until } from './process.js';

const statusOf = async (url: string) => (await fetch(url)).status;
const refused = (url: string) =>
  fetch(url).then(
    () => false,
    () => true,
  );

/** Sends a request over a keep-alive connection. */
function askOn(
  agent: Agent,
  url: string,
): Promise<{ status: number | undefined; connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      const { statusCode: status, headers } = response;
      response.resume().once('end', () => resolve({ status, connection: headers.connection }));
    }).once('error', reject);
  });
}

describeOnPostgres('SIGTERM', () => {
  let database: TestDatabase;
  let client: pg.Client;
  beforeAll(async () => {
    database = await createDatabase('PostgreSQL');
    client = new pg.Client({ connectionString: database.env.DATABASE_URL });
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await database?.remove();
  });

  async function start(env = {}) {
    const server = await serve({ ...database.env, SESSION_PASSWORD: PASSWORD, ...env });
    const user = randomUUID();
    await client.query('INSERT INTO neptun_user (id) VALUES ($1)', [user]);
    const headers = { cookie: await cookieOf(user) };
    const ask = () => fetch(`${server.url}/api/users/${user}/installations`, { headers });
    return { server, ask };
  }

  test('makes /ready answer 503 at once, and closes connections after their response', async () => {
    // Longer than the default timeout of a Fastify hook.
    const { server, ask } = await start({ SHUTDOWN_DELAY: '11' });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const askOnKeptAlive = () => askOn(agent, `${server.url}/live`);
    expect(await askOnKeptAlive()).toEqual({ status: 200, connection: 'keep-alive' });

    const end = server.stop('SIGTERM');
    await until(async () => (await statusOf(`${server.url}/ready`)) === 503);
    const ready = await json(await fetch(`${server.url}/ready`));
    expect(ready).toEqual({
      ready: false,
      database: true,
      migrations: true,
      serving: false,
      reason: 'the server is ending',
    });
    expect(await askOnKeptAlive()).toEqual({ status: 200, connection: 'close' });
    expect((await ask()).status).toBe(200);
    expect(await end).toBe(0);
  });

  test('drains requests in flight, without waiting for idle connections', async () => {
    const { server, ask } = await start();
    expect((await ask()).status).toBe(200);
    await client.query('BEGIN; LOCK TABLE neptun_user');
    const inFlight = ask();
    await until(async () => {
      const waiting = await client.query(
        `SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
         WHERE NOT granted AND datname = current_database()`,
      );
      return waiting.rowCount === 1;
    });
    const end = server.stop('SIGTERM');
    await until(() => refused(`${server.url}/live`));
    await client.query('COMMIT');
    expect((await inFlight).status).toBe(200);
    const answered = Date.now();
    expect(await end).toBe(0);
    expect(Date.now() - answered).toBeLessThan(8_000);
  });
});

test('a second signal exits at once, with 1', async () => {
  const { env } = await createDatabase('PGlite');
  const server = await serve({ ...env, SHUTDOWN_DELAY: '15' });
  server.stop('SIGTERM');
  await until(async () => (await statusOf(`${server.url}/ready`)) === 503);
  await sleep(600);
  expect(await statusOf(`${server.url}/live`)).toBe(200);
  expect(await server.stop('SIGINT')).toBe(1);
});

test('the duplicate SIGINT of Ctrl-C under npm counts once', async () => {
  const { env } = await createDatabase('PGlite');
  const server = await serve({ ...env, SHUTDOWN_DELAY: '1' });
  server.stop('SIGINT');
  await until(() => server.stdout().includes('"signal":"SIGINT"'));
  expect(await server.stop('SIGINT')).toBe(0);
});

test('an incomplete request does not prevent the exit', async () => {
  const { env } = await createDatabase('PGlite');
  const server = await serve(env);
  const client = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => {});
  client.write('POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{');
  await sleep(100);
  expect(await server.stop('SIGTERM')).toBe(0);
});

test.each([
  ['thrown', 'throw new Error("unforeseen")'],
  ['rejected', 'Promise.reject(new Error("unforeseen"))'],
])('an uncaught error (%s) is logged, and exits with 1', async (_how, fault) => {
  const { env } = await createDatabase('PGlite');
  const onSignal = `process.on("SIGUSR2", () => { ${fault} })`;
  const server = await serve({
    ...env,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(onSignal)}`,
  });
  expect(await server.stop('SIGUSR2')).toBe(1);
  const lines = server.stdout().trim().split('\n');
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
    level: 60,
    err: { message: 'unforeseen', stack: expect.stringContaining('data:text/javascript') },
  });
  expect(server.stderr()).toBe('');
});

test('probes are not logged', async () => {
  const { env } = await createDatabase('PGlite');
  const server = await serve(env);
  for (const path of ['/live', '/ready', '/openapi.json']) await fetch(`${server.url}${path}`);
  await server.stop('SIGTERM');
  expect(server.stdout()).toContain('"route":"/openapi.json"');
  expect(server.stdout()).not.toMatch(/"route":"\/(live|ready)"/);
});
