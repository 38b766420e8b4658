import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Started } from '../cli/process.js';
import { createDatabase, type TestDatabase } from '../helpers/databases.js';
import { cookieOf, startTestServer, type TestServer } from '../helpers/server.js';
import { startNginx } from './nginx-example.js';

const GRAPHQL = { method: 'POST', headers: { 'content-type': 'application/json' } };

let database: TestDatabase;
let server: TestServer;
let nginx: Started & { url: string };
/** An instance that is killed by each request it gets. */
let dying: Server;
let userId: string;
beforeAll(async () => {
  database = await createDatabase('PGlite');
  const limits = { TRUST_PROXY: '127.0.0.1', RATE_LIMIT_ANONYMOUS: '20' };
  server = await startTestServer(database, limits);
  await server.ready;
  userId = await server.addUser(['1']);
  dying = createServer((socket) => {
    socket.once('data', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(dying, 'listening');
  const port = Number(new URL(server.url).port);
  nginx = await startNginx([(dying.address() as AddressInfo).port, port, port]);
});
afterAll(async () => {
  await nginx?.stop('SIGTERM');
  dying?.close();
  await server?.close();
  await database?.remove();
});

test('a POST that meets an instance that is killed is answered by the next one', async () => {
  const headers = { ...GRAPHQL.headers, cookie: await cookieOf(userId) };
  for (let n = 0; n < 10; n++) {
    const body = JSON.stringify({ query: '{ viewer { id } }' });
    const response = await fetch(`${nginx.url}/graphql`, { ...GRAPHQL, headers, body });
    expect(await response.text()).toBe(`{"data":{"viewer":{"id":"${userId}"}}}\n`);
  }
});

test('its limits are the server’s own', async () => {
  const query = (length: number) => JSON.stringify({ query: '{ viewer { id } }' }).padEnd(length);
  const post = (length: number) =>
    fetch(`${nginx.url}/graphql`, { ...GRAPHQL, body: query(length) });
  // The server reads it, and says what is wrong with it.
  expect((await post(1024 * 1024)).status).toBe(400);
  expect((await post(1024 * 1024 + 1)).status).toBe(413);
  const get = (length: number) =>
    fetch(`${nginx.url}/openapi.json`, { headers: { cookie: 'x'.repeat(length) } });
  expect((await get(15_000)).status).toBe(200);
  expect((await get(16_384)).status).toBeGreaterThanOrEqual(400);
});

test('probes of one instance are not for the world', async () => {
  expect((await fetch(`${server.url}/ready`)).status).toBe(200);
  for (const path of ['/live', '/ready']) {
    expect((await fetch(`${nginx.url}${path}`)).status).toBe(404);
  }
});

test('nobody gets another allowance by another X-Forwarded-For', async () => {
  const statuses = new Set();
  for (let n = 0; n < 25; n++) {
    const headers = { 'x-forwarded-for': `192.0.2.${n}` };
    statuses.add((await fetch(`${nginx.url}/api/users/x/installations`, { headers })).status);
  }
  expect([...statuses]).toEqual([401, 429]);
});
