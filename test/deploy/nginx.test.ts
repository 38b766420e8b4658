import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Started } from '../cli/process.js';
import { createDatabase, type TestDatabase } from '../helpers/databases.js';
import { cookieOf, startTestServer, type TestServer } from '../helpers/server.js';
import { acceptsDeliveries, deliver, WEBHOOKS_ALONE } from '../helpers/webhooks.js';
import { startNginx } from './nginx-example.js';

const GRAPHQL = { method: 'POST', headers: { 'content-type': 'application/json' } };

let database: TestDatabase;
let server: TestServer;
let nginx: Started & { url: string };
/** An instance that drops every request. */
let failing: Server;
const dropped: string[] = [];
let userId: string;
beforeAll(async () => {
  database = await createDatabase('PGlite');
  const limits = { TRUST_PROXY: '127.0.0.1', RATE_LIMIT_ANONYMOUS: '20' };
  server = await startTestServer(database, { ...WEBHOOKS_ALONE, ...limits });
  await acceptsDeliveries(server);
  userId = await server.addUser(['1']);
  failing = createServer((socket) => {
    socket.once('data', (data) => {
      dropped.push(data.toString('latin1').split(' HTTP')[0] ?? '');
      socket.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(failing, 'listening');
  const port = Number(new URL(server.url).port);
  nginx = await startNginx([(failing.address() as AddressInfo).port, port, port]);
});
afterAll(async () => {
  await nginx?.stop('SIGTERM');
  failing?.close();
  await server?.close();
  await database?.remove();
});

test('what a failing instance has begun is sent to the next one, except a POST, which may have changed something', async () => {
  const headers = { ...GRAPHQL.headers, cookie: await cookieOf(userId) };
  const path = `/api/users/${userId}/installations`;
  const body = JSON.stringify({
    query: 'mutation { unlinkInstallation(id: "0") { installationId } }',
  });
  for (const [url, init, status] of [
    [path, { headers }, 200],
    [`${path}/0`, { method: 'DELETE', headers }, 404],
    ['/graphql', { ...GRAPHQL, headers, body }, 200],
  ] as const) {
    const method = 'method' in init ? init.method : 'GET';
    let sent = 0;
    for (let n = 0; n < 10; n++) {
      const before = dropped.length;
      const answer = await fetch(`${nginx.url}${url}`, init as RequestInit);
      const isDropped = dropped.length > before;
      sent += Number(isDropped);
      expect(answer.status).toBe(isDropped && method === 'POST' ? 502 : status);
    }
    expect(sent).toBeGreaterThan(0);
  }
});

test('the size limits of nginx are those of the server', async () => {
  const query = (length: number) => JSON.stringify({ query: '{ viewer { id } }' }).padEnd(length);
  const post = (length: number) =>
    fetch(`${nginx.url}/graphql`, { ...GRAPHQL, body: query(length) });
  // Refused by the server, not by nginx.
  expect((await post(1024 * 1024)).status).toBe(400);
  expect((await post(1024 * 1024 + 1)).status).toBe(413);
  const get = (length: number) =>
    fetch(`${nginx.url}/openapi.json`, { headers: { cookie: 'x'.repeat(length) } });
  expect((await get(15_000)).status).toBe(200);
  expect((await get(16_384)).status).toBeGreaterThanOrEqual(400);
});

test('a webhook delivery may have 25 MiB, has no limit of rates, and is not repeated', async () => {
  const statuses: number[] = [];
  for (let n = 0; n < 40; n++) {
    const before = dropped.length;
    const { status } = await deliver(nginx, { event: 'ping', payload: { n } });
    statuses.push(status);
    // The sender repeats what an instance has dropped.
    expect(status).toBe(dropped.length > before ? 502 : 200);
  }
  expect(new Set(statuses)).toEqual(new Set([200, 502]));
  expect(dropped).toContain('POST /api/github/webhooks');
  const sizes = [25 * 1024 * 1024, 25 * 1024 * 1024 + 1];
  const answers = await Promise.all(
    sizes.map((size) => deliver(nginx, { event: 'ping', body: '{}'.padEnd(size) })),
  );
  expect(
    [[200, 502], [413]].map((allowed, n) => allowed.includes(answers[n]?.status ?? 0)),
  ).toEqual([true, true]);
});

test('probes of an instance are not public', async () => {
  expect((await fetch(`${server.url}/ready`)).status).toBe(200);
  for (const path of ['/live', '/ready']) {
    expect((await fetch(`${nginx.url}${path}`)).status).toBe(404);
  }
});

test('a forged X-Forwarded-For does not evade the rate limit', async () => {
  const statuses = new Set();
  for (let n = 0; n < 25; n++) {
    const headers = { 'x-forwarded-for': `192.0.2.${n}` };
    statuses.add((await fetch(`${nginx.url}/api/users/x/installations`, { headers })).status);
  }
  expect([...statuses]).toEqual([401, 429]);
});
