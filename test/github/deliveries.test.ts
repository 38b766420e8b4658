import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { type DataSource, type EntityManager } from 'typeorm';
import { createPool } from '../../src/database/create-pool.js';
import { createDataSource } from '../../src/database/data-source.js';
import { ENTITIES } from '../../src/entities.js';
import { Deliveries } from '../../src/github/deliveries.js';
import { lockInstallation } from '../../src/github/fact-store.js';
import { until } from '../cli/process.js';
import {
  createDatabase,
  describeOnEachDatabase,
  describeOnPostgres,
  type TestDatabase,
} from '../helpers/databases.js';
import { GRANTS } from '../helpers/grants.js';
import { json, startTestServer, type TestServer, useServer } from '../helpers/server.js';
import { APP_ID, acceptsDeliveries, deliver, WEBHOOKS_ALONE } from '../helpers/webhooks.js';

let lastId = 6_000_000_000;
function created() {
  lastId += 1;
  const account = { id: lastId, login: `account-${lastId}`, type: 'User' };
  return { action: 'created', installation: { id: lastId, app_id: Number(APP_ID), account } };
}

type Created = ReturnType<typeof created>;

const send = (server: TestServer, payload: Created, guid: string = randomUUID()) =>
  deliver(server, { event: 'installation', payload, guid });
const versionOf = async ({ sql }: TestServer, { installation }: Created) =>
  (
    await sql<any>('SELECT version FROM github_fact_installation WHERE id = $1', [installation.id])
  )[0]?.version;

const deliveriesTo = (dataSource: () => DataSource | null) =>
  new Deliveries({
    appId: APP_ID,
    dataSource,
    obstacle: () => 'run npm run cli -- migrate --adopt',
    isAsked: false,
    grants: GRANTS,
    wake: () => {},
    log: pino({ level: 'silent' }),
  });

describeOnEachDatabase('A delivery', (kind) => {
  const server = useServer(kind, WEBHOOKS_ALONE);
  beforeAll(() => acceptsDeliveries(server()));

  test('that was applied is acknowledged again, and applied once', async () => {
    const [payload, guid] = [created(), randomUUID()];
    const outcomes = [];
    for (let n = 0; n < 3; n++) outcomes.push(await json(await send(server(), payload, guid)));
    expect(outcomes).toEqual([{ outcome: 'applied' }, { outcome: 'seen' }, { outcome: 'seen' }]);
    expect(await versionOf(server(), payload)).toBe(1);
  });

  test('and its twins are applied once', async () => {
    const [payload, guid] = [created(), randomUUID()];
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => send(server(), payload, guid)),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const outcomes = await Promise.all(answers.map(json));
    expect(outcomes.filter(({ outcome }) => outcome === 'applied')).toHaveLength(1);
    expect(await versionOf(server(), payload)).toBe(1);
  });

  test('with one GUID for two events is two deliveries', async () => {
    const [payload, guid] = [created(), randomUUID()];
    await send(server(), payload, guid);
    const renamed = { ...payload, action: 'renamed' };
    const other = await deliver(server(), { event: 'organization', payload: renamed, guid });
    expect(await json(other)).toEqual({ outcome: 'applied' });
  });

  test('about a member outdates no answer of GitHub, and marks', async () => {
    const payload = created();
    await send(server(), payload);
    const before = await versionOf(server(), payload);
    for (const action of ['member_added', 'member_removed', 'member_invited']) {
      const member = { ...payload, action };
      expect((await deliver(server(), { event: 'organization', payload: member })).status).toBe(
        200,
      );
    }
    expect(await versionOf(server(), payload)).toBe(before);
  });

  test('that is 14 days old is forgotten, once an hour', async () => {
    const { sql, database } = server();
    const insert = (from: number, to: number) =>
      sql(
        `INSERT INTO github_delivery (target_id, event, guid, received_at)
         SELECT '1', 'ping', n, now() - interval '1 day' * n FROM generate_series($1::int, $2) n`,
        [from, to],
      );
    const left = async () =>
      (
        await sql<{ n: number }>(
          "SELECT count(*)::int AS n FROM github_delivery WHERE target_id = '1'",
        )
      )[0]?.n;
    await insert(1, 1200);
    const deliveries = deliveriesTo(() => database.dataSource);
    const ping = () =>
      deliveries.apply({ targetId: APP_ID, event: 'ping', guid: randomUUID(), payload: {} });
    await ping();
    await until(async () => (await left()) === 13);
    await insert(1201, 1210);
    await ping();
    expect(await left()).toBe(23);
  });

  test('of many at once about one installation is applied, each', async () => {
    const payload = created();
    const answers = await Promise.all(Array.from({ length: 60 }, () => send(server(), payload)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await versionOf(server(), payload)).toBe(60);
  });
});

describeOnPostgres('Where writing takes long or fails', () => {
  let database: TestDatabase;
  let server: TestServer;
  /** Another instance: one alone lets a twin wait before it takes a connection. */
  let second: TestServer;
  let other: DataSource;
  beforeAll(async () => {
    database = await createDatabase('PostgreSQL');
    server = await startTestServer(database, WEBHOOKS_ALONE);
    second = await startTestServer(database, WEBHOOKS_ALONE);
    await Promise.all([acceptsDeliveries(server), acceptsDeliveries(second)]);
    const pool = createPool(
      { databaseUrl: database.env.DATABASE_URL ?? '', dataDirectory: '' },
      () => {},
    );
    other = createDataSource(pool, ENTITIES, () => pool.end());
    await other.initialize();
  });
  afterEach(async () => {
    await server.sql('DROP TRIGGER IF EXISTS fail ON github_fact_installation');
  });
  afterAll(async () => {
    await other?.destroy();
    await Promise.all([server?.close(), second?.close()]);
    await database?.remove();
  });

  /** Locks an installation until it is told to end. */
  async function hold({ installation }: Created): Promise<() => Promise<void>> {
    let end = () => {};
    let isHeld = () => {};
    const held = new Promise<void>((resolve) => {
      isHeld = resolve;
    });
    const done = other.transaction(async (manager: EntityManager) => {
      await lockInstallation(manager, String(installation.id));
      isHeld();
      await new Promise<void>((resolve) => {
        end = resolve;
      });
    });
    await held;
    return () => {
      end();
      return done;
    };
  }

  test('a twin waits for the first', async () => {
    const [payload, guid] = [created(), randomUUID()];
    const release = await hold(payload);
    const answers: string[] = [];
    const note = async (response: Promise<Response>) => {
      answers.push((await json(await response)).outcome);
    };
    const both = [note(send(server, payload, guid)), note(send(server, payload, guid))];
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(answers).toEqual([]);
    await release();
    await Promise.all(both);
    expect(answers.sort()).toEqual(['applied', 'seen']);
    expect(await versionOf(server, payload)).toBe(1);
  });

  test('a twin does the work that the first could not', async () => {
    const [payload, guid] = [created(), randomUUID()];
    const release = await hold(payload);
    const both = [send(server, payload, guid), send(second, payload, guid)];
    const waiting =
      "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'SELECT%FOR UPDATE%' AND datname = current_database()";
    const insertWaits =
      "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO \"github_delivery\"%' AND datname = current_database()";
    await until(async () => (await server.sql(insertWaits)).length === 1);
    const [first] = await server.sql<{ pid: number }>(
      `${waiting} UNION ${waiting.replace('SELECT%FOR UPDATE%', 'INSERT INTO "github_fact_installation"%')}`,
    );
    await server.sql('SELECT pg_terminate_backend($1)', [first?.pid]);
    await until(async () => (await server.sql(insertWaits)).length === 0);
    await release();
    const statuses = (await Promise.all(both)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 503]);
    expect(await versionOf(server, payload)).toBe(1);
    expect(await json(await send(server, payload, guid))).toEqual({ outcome: 'seen' });
  });

  test('many that wait for one installation hold up no other one', async () => {
    const payload = created();
    const release = await hold(payload);
    const waiting = Array.from({ length: 20 }, () => send(server, payload));
    const others = await Promise.all(Array.from({ length: 20 }, () => send(server, created())));
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await versionOf(server, payload)).toBeUndefined();
    await release();
    const statuses = (await Promise.all(waiting)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await versionOf(server, payload)).toBe(20);
  });

  test('what waits for too long is to be sent again, and others are served meanwhile', async () => {
    const payload = created();
    const release = await hold(payload);
    const began = Date.now();
    const late = send(server, payload);
    expect((await send(server, created())).status).toBe(200);
    const response = await late;
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
    expect(Date.now() - began).toBeLessThan(9_000);
    expect((await json(response)).data.message).toMatch(/try again shortly/);
    await release();
    expect((await send(server, payload)).status).toBe(200);
  }, 20_000);

  test('what fails is to be sent again, and is applied then', async () => {
    const [payload, guid] = [created(), randomUUID()];
    await server.sql(
      `CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$`,
    );
    await server.sql(
      'CREATE TRIGGER fail BEFORE UPDATE ON github_fact_installation EXECUTE FUNCTION fail()',
    );
    const response = await send(server, payload, guid);
    expect(response.status).toBe(503);
    expect(await server.sql('SELECT FROM github_delivery WHERE guid = $1', [guid])).toEqual([]);
    await server.sql('DROP TRIGGER fail ON github_fact_installation');
    expect(await json(await send(server, payload, guid))).toEqual({ outcome: 'applied' });
  });

  test('what the database cannot hold is ignored, but for the mark', async () => {
    await server.sql(
      `CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '22021'; END $$`,
    );
    await server.sql(
      `CREATE TRIGGER fail BEFORE UPDATE ON github_fact_installation FOR EACH ROW
       WHEN (NEW.account_login IS NOT NULL) EXECUTE FUNCTION fail()`,
    );
    const payload = created();
    expect(await json(await send(server, payload))).toEqual({ outcome: 'ignored' });
    const rows = await server.sql<any>('SELECT * FROM github_fact_installation WHERE id = $1', [
      payload.installation.id,
    ]);
    expect(rows).toMatchObject([
      { account_login: null, app_id: APP_ID, dirty_since: expect.any(Date) },
    ]);
  });

  test('a deadlock is tried again', async () => {
    await server.sql(
      `CREATE SEQUENCE tries;
       CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN IF nextval('tries') < 3 THEN RAISE EXCEPTION 'no' USING ERRCODE = '40P01'; END IF; RETURN NEW; END $$`,
    );
    await server.sql(
      'CREATE TRIGGER fail BEFORE UPDATE ON github_fact_installation FOR EACH ROW EXECUTE FUNCTION fail()',
    );
    const payload = created();
    expect(await json(await send(server, payload))).toEqual({ outcome: 'applied' });
    expect(await versionOf(server, payload)).toBe(1);
  });
});

test('Nothing is written where there is no database', async () => {
  const received = { targetId: APP_ID, event: 'ping', guid: '1', payload: {} };
  await expect(deliveriesTo(() => null).apply(received)).rejects.toMatchObject({
    status: 503,
    message: 'run npm run cli -- migrate --adopt',
  });
});
