import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { WRITE_CONNECTIONS } from '../../src/server.js';
import { cli, until } from '../cli/process.js';
import { createDatabase, describeOnPostgres, type TestDatabase } from '../helpers/databases.js';
import { execute, tablesOf } from '../helpers/other-tables.js';
import { json, PASSWORD, startTestServer, type TestServer } from '../helpers/server.js';
import { acceptsDeliveries, deliver, WEBHOOKS_ALONE } from '../helpers/webhooks.js';
import { type FaultProxy, startFaultProxy } from './fault-proxy.js';

const send = (server: TestServer, id: number, guid: string = randomUUID()) =>
  deliver(server, {
    event: 'installation',
    payload: { action: 'created', installation: { id, account: null } },
    guid,
  });

describeOnPostgres('A webhook delivery, while the database is away', () => {
  let database: TestDatabase;
  let proxy: FaultProxy;
  let server: TestServer;
  beforeAll(async () => {
    database = await createDatabase('PostgreSQL');
    proxy = await startFaultProxy(database.env.DATABASE_URL ?? '');
    proxy.set({ kind: 'reset' });
    const env = { ...database.env, DATABASE_URL: proxy.url };
    server = await startTestServer({ env, remove: async () => {} }, WEBHOOKS_ALONE);
  });
  afterAll(async () => {
    await server?.close();
    await proxy?.close();
    await database?.remove();
  });

  async function expectToBeSentAgain(response: Response): Promise<void> {
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
    expect(await response.text()).not.toMatch(/127\.0\.0\.1|ECONN|INSERT|github_|postgres/i);
  }

  test('is to be sent again from the start on, and is applied once when it is there', async () => {
    await expectToBeSentAgain(await send(server, 1));
    proxy.set(null);
    await server.ready;
    await acceptsDeliveries(server);
    for (const [n, kind] of (['reset', 'freeze'] as const).entries()) {
      const guid = randomUUID();
      proxy.set({ kind });
      const began = Date.now();
      await expectToBeSentAgain(await send(server, 2 + n, guid));
      expect(Date.now() - began).toBeLessThan(8_500);
      proxy.set(null);
      await until(async () => (await send(server, 2 + n, guid)).status === 200);
      const known = 'SELECT version FROM github_fact_installation WHERE id = $1';
      await until(async () => (await server.sql<any>(known, [2 + n]))[0]?.version === 1);
    }
  }, 60_000);

  test('is applied by new connections soon after all have died without a word', async () => {
    const ids = Array.from({ length: WRITE_CONNECTIONS }, (_, n) => 100 + n);
    const sendAll = () => Promise.all(ids.map((id) => send(server, id)));
    await until(async () => (await sendAll()).every(({ status }) => status === 200));
    proxy.loseConnections();
    const began = Date.now();
    for (const response of await sendAll()) await expectToBeSentAgain(response);
    await until(async () => (await sendAll()).every(({ status }) => status === 200));
    expect(Date.now() - began).toBeLessThan(20_000);
  }, 60_000);
});

describeOnPostgres('A webhook delivery, on tables of another program', () => {
  test('is to be sent again until migrate --adopt was run, which it names', async () => {
    const database = await createDatabase('PostgreSQL');
    await execute(database, tablesOf());
    const server = await startTestServer(database, WEBHOOKS_ALONE);
    await server.ready;
    const message = async () => {
      const response = await send(server, 1);
      return response.status === 503 ? (await json(response)).data.message : response.status;
    };
    await until(async () => /npm run cli -- migrate --adopt/.test(await message()));
    // What is not signed learns nothing.
    expect((await deliver(server, { event: 'ping', payload: {}, secret: 'other' })).status).toBe(
      401,
    );
    const adopted = await cli(['migrate', '--adopt'], {
      ...database.env,
      SESSION_PASSWORD: PASSWORD,
    });
    expect(adopted).toMatchObject({ code: 0 });
    await until(async () => (await message()) === 200);
    await server.close();
    await database.remove();
  }, 60_000);
});
