import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { json, startTestServer, useServer } from '../helpers/server.js';

const WELL = { ready: true, database: true, migrations: true, serving: true };

describeOnEachDatabase('Probes', (kind) => {
  const server = useServer(kind, { RATE_LIMIT_ANONYMOUS: '1' });
  const probe = (path: string, init = {}) => fetch(`${server().url}${path}`, init);

  test('say that the server is live and ready, as often as they are asked', async () => {
    for (let n = 0; n < 5; n++) {
      const [live, ready] = [await probe('/live'), await probe('/ready')];
      expect([live.status, await json(live)]).toEqual([200, { live: true }]);
      expect([ready.status, await json(ready)]).toEqual([200, WELL]);
      expect(live.headers.get('cache-control')).toBe('no-store');
      expect(ready.headers.get('cache-control')).toBe('no-store');
    }
    expect((await probe('/ready', { method: 'HEAD' })).status).toBe(200);
  });

  test('are no part of the API', async () => {
    const { paths } = await json(await probe('/openapi.json'));
    expect(Object.keys(paths)).toEqual(['/api/users/{user_id}/installations']);
  });
});

test('are answered in time on a network that is dead, and open one connection for all', async () => {
  const opened: Socket[] = [];
  const silence = createServer((socket) => {
    opened.push(socket.on('error', () => {}));
  }).listen(0, '127.0.0.1');
  await once(silence, 'listening');
  const { port } = silence.address() as AddressInfo;
  const env = {
    DATABASE_URL: `postgresql://postgres@127.0.0.1:${port}/postgres`,
    DATA_DIR: process.env.TEST_TEMP ?? '',
  };
  const server = await startTestServer({ env, remove: async () => {} });
  const before = opened.length;

  const start = Date.now();
  const probes = Array.from({ length: 200 }, () => fetch(`${server.url}/ready`));
  expect(await (await fetch(`${server.url}/live`)).text()).toBe('{"live":true}');
  for (const ready of await Promise.all(probes)) {
    expect([ready.status, ready.headers.get('retry-after')]).toEqual([503, '2']);
    expect(await json(ready)).toEqual({
      ...WELL,
      ready: false,
      database: false,
      migrations: false,
      reason: 'the database cannot be reached: no answer in time',
    });
  }
  expect(Date.now() - start).toBeLessThan(3_000);
  // One of the probes, and those with which the start itself tries again.
  expect(opened.length - before).toBeLessThan(5);

  await server.close();
  for (const socket of opened) socket.destroy();
  silence.close();
});
