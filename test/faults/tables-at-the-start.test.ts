import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { cli, startServing, until } from '../cli/process.js';
import { execute, tablesOf } from '../helpers/other-tables.js';
import { createCluster, findPostgres, type PostgresCluster } from '../helpers/postgres-cluster.js';

let cluster: PostgresCluster;
let env: { DATABASE_URL: string; DATA_DIR: string };
beforeEach(async () => {
  cluster = await createCluster(findPostgres() ?? '');
  env = { DATABASE_URL: cluster.url, DATA_DIR: process.env.TEST_TEMP ?? '' };
  await execute(
    { env, remove: cluster.remove },
    `${tablesOf()} ALTER TABLE neptun_user DROP created_at`,
  );
});
afterEach(() => cluster.remove());
const FAULT = `The tables cannot be served:
  public.neptun_user.created_at is missing: add it, as timestamp with time zone or timestamp without time zone`;

test('a start whose database is there and has tables that cannot be served ends with 1 and what is wrong', async () => {
  const { code, stderr } = await cli(['serve'], { ...env, PORT: '0' });
  expect([code, stderr]).toEqual([1, `${FAULT}\n`]);
});

test('a start whose database was away stays up, says at /ready what is wrong, and serves when it is mended', async () => {
  await cluster.stop();
  const server = startServing(env);
  const [, address] = await server.printed(/Server listening at (http:[^"]+)/);
  const ready = async () => {
    const response = await fetch(`${address}/ready`);
    return { status: response.status, ...((await response.json()) as object) };
  };
  const notReady = { status: 503, ready: false, migrations: false, serving: true };
  expect(await ready()).toEqual({
    ...notReady,
    database: false,
    reason: 'the database cannot be reached: ECONNREFUSED',
  });
  await cluster.start();
  let answer: object = {};
  await until(async () => {
    answer = await ready();
    return JSON.stringify(answer).includes('cannot be served');
  });
  expect(answer).toEqual({ ...notReady, database: true, reason: FAULT });
  await sleep(3_000);
  expect(server.stdout().split('The tables cannot be served').length - 1).toBe(2);
  await execute(
    { env, remove: cluster.remove },
    'ALTER TABLE neptun_user ADD created_at timestamptz',
  );
  await until(async () => (await ready()).status === 200);
  // The log is written asynchronously, and the banner may overtake it.
  await Promise.all([server.printed(/of another program/), server.printed(/ready at/)]);
  expect(await server.stop('SIGINT')).toBe(0);
}, 60_000);
