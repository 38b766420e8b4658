import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createCluster, findPostgres, type PostgresCluster } from '../helpers/postgres-cluster.js';
import { json, startTestServer } from '../helpers/server.js';
import { size } from '../helpers/size.js';

const ROUNDS = size(2, 30);

let cluster: PostgresCluster;
beforeAll(async () => {
  cluster = await createCluster(findPostgres() ?? '');
});
afterAll(() => cluster?.remove());

test('a server that starts without its database is live, and ready within 5 s of its start', async () => {
  let slowest = 0;
  for (let round = 0; round < ROUNDS; round++) {
    await cluster.stop(round % 2 === 0 ? 'SIGINT' : 'SIGQUIT');
    const env = { DATABASE_URL: cluster.url, DATA_DIR: process.env.TEST_TEMP ?? '' };
    const server = await startTestServer({ env, remove: async () => {} });
    const statusOf = async (path: string) => (await fetch(`${server.url}${path}`)).status;

    expect(await statusOf('/live')).toBe(200);
    const ready = await fetch(`${server.url}/ready`);
    expect([ready.status, ready.headers.get('retry-after')]).toEqual([503, '2']);
    expect(await json(ready)).toEqual({
      ready: false,
      database: false,
      migrations: false,
      serving: true,
      reason: 'the database cannot be reached: ECONNREFUSED',
    });
    expect((await server.rest('somebody')).status).toBe(503);

    await cluster.start();
    const back = Date.now();
    while ((await statusOf('/ready')) !== 200) {
      expect(await statusOf('/live')).toBe(200);
      expect(Date.now() - back).toBeLessThan(5_000);
      await sleep(20);
    }
    slowest = Math.max(slowest, Date.now() - back);
    const userId = await server.addUser(['1']);
    expect((await server.rest(userId)).status).toBe(200);
    await server.close();
  }
  console.info(`${ROUNDS} starts without a database: ready at most ${slowest} ms after it`);
}, 300_000);
