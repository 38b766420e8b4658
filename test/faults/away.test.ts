import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { createCluster, findPostgres, type PostgresCluster } from '../helpers/postgres-cluster.js';
import { startTestServer, type TestServer } from '../helpers/server.js';

const QUERY = { query: '{ viewer { id installations { id } } }' };
const binaries = findPostgres();

(binaries ? describe : describe.skip)('A PostgreSQL outage', () => {
  let cluster: PostgresCluster;
  let server: TestServer;
  let userId: string;

  beforeAll(async () => {
    cluster = await createCluster(binaries as string);
    await cluster.stop();
    const env = { DATABASE_URL: cluster.url, DATA_DIR: process.env.TEST_TEMP ?? '' };
    server = await startTestServer({ env, remove: async () => {} });
  });
  afterAll(async () => {
    await server?.close();
    await cluster?.remove();
  });

  /** Milliseconds until the REST route answers 200 again. */
  async function untilRecovered(): Promise<number> {
    const start = Date.now();
    while (Date.now() - start < 10_000) {
      if ((await server.rest(userId)).status === 200) return Date.now() - start;
      await sleep(20);
    }
    throw new Error('no recovery within 10 s');
  }

  async function expectUnavailable(as: string): Promise<void> {
    const rest = await server.rest(as);
    const body = await rest.text();
    expect([rest.status, rest.headers.get('retry-after')]).toEqual([503, '2']);
    expect(JSON.parse(body)).toMatchObject({
      statusCode: 503,
      statusMessage: 'Service Unavailable',
    });
    const graphql = await server.graphql(QUERY, { as });
    expect(graphql.status).toBe(200);
    const answer = await graphql.text();
    expect(JSON.parse(answer)).toMatchObject({
      data: { viewer: null },
      errors: [{ extensions: { code: 'SERVICE_UNAVAILABLE' } }],
    });
    for (const text of [body, answer]) {
      expect(text).not.toMatch(/127\.0\.0\.1|ECONN|SELECT|neptun_user|postgres|terminat/i);
    }
  }

  test('at startup causes 503, until 2 s after it ends', async () => {
    await expectUnavailable('somebody');
    expect((await server.rest('x', { as: null })).status).toBe(401);
    await cluster.start();
    const start = Date.now();
    await server.ready;
    expect(Date.now() - start).toBeLessThan(2_000);
    userId = await server.addUser(['1']);
    expect((await server.rest(userId)).status).toBe(200);
  });

  test('by a stopped server causes 503, until 2 s after it ends', async () => {
    for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
      await cluster.stop(signal);
      await expectUnavailable(userId);
      await cluster.start();
      expect(await untilRecovered()).toBeLessThan(2_000);
    }
  });

  test('of idle backends ends within 2 s', async () => {
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 20 }, () => server.rest(userId)));
      const admin = new pg.Client({ connectionString: cluster.url });
      await admin.connect();
      await admin.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
      );
      await admin.end();
      expect(await untilRecovered()).toBeLessThan(2_000);
    }
  });

  test('of one table causes 503 as well, without SQL in the response', async () => {
    await server.sql('ALTER TABLE github_app_installation RENAME TO hidden');
    const rest = await server.rest(userId);
    const body = await rest.text();
    const graphql = await (await server.graphql(QUERY, { as: userId })).text();
    await server.sql('ALTER TABLE hidden RENAME TO github_app_installation');
    expect(rest.status).toBe(503);
    expect(JSON.parse(graphql).errors[0].extensions).toEqual({ code: 'SERVICE_UNAVAILABLE' });
    for (const text of [body, graphql])
      expect(text).not.toMatch(/github_app|relation|SELECT|\bat /);
    expect(await untilRecovered()).toBeLessThan(2_000);
  });
});
