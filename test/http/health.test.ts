import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { exchange, statusesOf } from '../helpers/raw-http.js';
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
      // The default of KEEP_ALIVE_TIMEOUT.
      expect(live.headers.get('keep-alive')).toBe('timeout=72');
      expect(ready.headers.get('cache-control')).toBe('no-store');
    }
    expect((await probe('/ready', { method: 'HEAD' })).status).toBe(200);
  });

  test.each([
    'GET @?x=1 HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET @/ HTTP/1.1\r\nHost:\r\n\r\n',
    'GET /@/?a=b&c HTTP/1.0\r\n\r\n',
    'GET http://balancer@ HTTP/1.1\r\nHost: a:1\r\n\r\n',
    'HEAD @ HTTP/1.0\r\n\r\n',
    'OPTIONS @ HTTP/1.0\r\n\r\n',
    'OPTIONS @ HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\nConnection: close\r\n\r\n',
  ])('are answered as balancers write them: %j', async (bytes) => {
    for (const path of ['/live', '/ready']) {
      const answer = await exchange(server().url, bytes.replace('@', path));
      expect([path, statusesOf(answer)]).toEqual([path, [200]]);
    }
  });

  test('refuse other methods', async () => {
    const refused = await probe('/ready', { method: 'POST' });
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  });

  describe('of a database whose check hangs', () => {
    const HANGS = {
      ready: false,
      ...{ database: false, migrations: true, serving: true },
      reason: 'the database does not answer in time',
    };

    /** Instead of the check of the database. */
    async function ready(check: () => Promise<unknown>, reason: string | null = null) {
      Object.assign(server().database, { check });
      if (reason !== null)
        Object.defineProperty(server().database, 'notReadyReason', {
          value: reason,
          configurable: true,
        });
      const start = performance.now();
      const answer = await probe('/ready');
      const took = performance.now() - start;
      Reflect.deleteProperty(server().database, 'check');
      Reflect.deleteProperty(server().database, 'notReadyReason');
      return { status: answer.status, body: await json(answer), took };
    }

    test('are answered after 1.5 s, which is longer than a read may take', async () => {
      const { status, body, took } = await ready(() => new Promise(() => {}));
      expect([status, body]).toEqual([503, HANGS]);
      expect(took).toBeGreaterThan(1_450);
      const slow = { reachable: true, reason: null };
      const late = await ready(() => sleep(1_150, slow));
      expect([late.status, late.body]).toEqual([200, WELL]);
    });

    test('say first why reads are refused', async () => {
      const reason = 'a migration waits';
      const { body } = await ready(() => new Promise(() => {}), reason);
      expect(body).toEqual({ ...HANGS, migrations: false, reason });
    });
  });

  test('leave no timer behind', async () => {
    const timers = new Map<number, { _idleTimeout?: number }>();
    const hook = createHook({
      init: (id, type, _trigger, timer) => type === 'Timeout' && timers.set(id, timer),
      destroy: (id) => timers.delete(id),
    }).enable();
    for (let n = 0; n < 5; n++) expect((await probe('/ready')).status).toBe(200);
    hook.disable();
    const left = [...timers.values()].filter((timer) => timer._idleTimeout === 1_500);
    expect(left.length).toBe(0);
  });

  test('are no part of the API', async () => {
    const { paths } = await json(await probe('/openapi.json'));
    expect(Object.keys(paths)).toContain('/api/users/{user_id}/installations');
    expect(Object.keys(paths).filter((path) => !path.startsWith('/api/'))).toEqual([]);
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
  expect((await fetch(`${server.url}/ready`, { method: 'OPTIONS' })).status).toBe(503);
  // One of the probes, and those with which the start itself tries again.
  expect(opened.length - before).toBeLessThan(5);

  await server.close();
  for (const socket of opened) socket.destroy();
  silence.close();
});
