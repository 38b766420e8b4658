import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from '@jest/globals';
import { createPool } from '../../src/database/create-pool.js';
import { Database } from '../../src/database/database.js';
import { ENTITIES } from '../../src/entities.js';
import { MAX_CONNECTIONS } from '../../src/server.js';
import { describeOnPostgres } from '../helpers/databases.js';
import { installationReader } from '../helpers/installation-reader.js';
import { json, useServer } from '../helpers/server.js';
import { type FaultProxy, startFaultProxy } from './fault-proxy.js';

/** The rows of some users take longer than any time-out, those of others cannot be read at all. */
const BAD_ROWS = `
  CREATE FUNCTION bad(id text) RETURNS boolean VOLATILE LANGUAGE plpgsql AS $$
  BEGIN
    IF id LIKE 'sluggish%' THEN PERFORM pg_sleep(0.4); END IF;
    IF id LIKE 'late%' THEN PERFORM pg_sleep(1); END IF;
    IF id LIKE 'slow%' THEN PERFORM pg_sleep(10); END IF;
    IF id LIKE 'impossible%' THEN RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded'; END IF;
    RETURN true;
  END $$;
  ALTER TABLE github_app_installation RENAME TO installation_row;
  CREATE VIEW github_app_installation AS SELECT * FROM installation_row WHERE bad(neptun_user_id)`;
describeOnPostgres('Reads that share one statement', () => {
  const server = useServer('PostgreSQL');
  beforeAll(async () => {
    await server().sql(BAD_ROWS);
    await server().addUser(['100'], 'slow');
    await server().addUser(['101'], 'impossible');
  });

  async function areReadBesideSlow(
    reader: ReturnType<typeof installationReader>,
    ids: string[],
  ): Promise<void> {
    const failed = expect(reader.read('slow')).rejects.toMatchObject({
      extensions: { code: 'SERVICE_UNAVAILABLE' },
    });
    const users = await Promise.all(ids.map((id) => reader.read(id)));
    expect(users.map((rows) => rows?.[0]?.neptunUserId)).toEqual(ids);
    await failed;
  }

  /** Users' own times take longer than any time-out, until the work is done. */
  async function whileTimesAreSlow(work: () => Promise<void>): Promise<void> {
    await server().sql(`
      ALTER TABLE neptun_user RENAME TO user_row;
      CREATE VIEW neptun_user AS
        SELECT id, created_at + (pg_sleep(10) IS NULL)::int * INTERVAL '0' AS created_at, updated_at
        FROM user_row`);
    try {
      await work();
    } finally {
      await server().sql('DROP VIEW neptun_user; ALTER TABLE user_row RENAME TO neptun_user');
    }
  }

  async function throughNetwork(
    work: (far: Database, proxy: FaultProxy) => Promise<void>,
  ): Promise<void> {
    const rows = await server().sql<{ name: string }>('SELECT current_database() AS name');
    const url = new URL(process.env.TEST_DATABASE_URL ?? '');
    url.pathname = rows[0]?.name ?? '';
    const proxy = await startFaultProxy(url.href);
    const pool = createPool(
      { databaseUrl: proxy.url, dataDirectory: '' },
      () => {},
      MAX_CONNECTIONS,
    );
    const far = new Database(pool, { info() {}, warn() {} }, ENTITIES);
    try {
      await far.open({ wait: false });
      await work(far, proxy);
    } finally {
      await far.close();
      await proxy.close();
    }
  }

  test('are answered where one of them times out or fails', async () => {
    const { database, addUser } = server();
    const easy = await Promise.all(Array.from({ length: 100 }, (_, n) => addUser([String(n)])));
    const isAnswered = async (reader: ReturnType<typeof installationReader>, id: string) => {
      expect(await reader.read(id)).toMatchObject([{ neptunUserId: id }]);
    };

    for (const bad of ['slow', 'impossible']) {
      for (const others of [easy.slice(0, 3), easy]) {
        const reader = installationReader(database);
        const failed = expect(reader.read(bad)).rejects.toMatchObject({
          extensions: { code: 'SERVICE_UNAVAILABLE' },
        });
        const answered = others.map((id) => isAnswered(reader, id));
        await sleep(50);
        // Of another statement: where many hang, only this shows that the database itself is well.
        if (others === easy) await isAnswered(reader, easy[0] as string);
        await Promise.all(answered);
        await failed;
      }
    }
  });

  test('are answered beside one that times out, where a connection takes long to open', async () => {
    const { addUser } = server();
    await throughNetwork(async (far, proxy) => {
      const easy = await Promise.all([addUser(['1']), addUser(['2']), addUser(['3'])]);
      // Each connection is new after this, as after every statement that was given up.
      proxy.set({ kind: 'reset' });
      await sleep(50);
      proxy.set({ kind: 'latency', milliseconds: 40 });
      await areReadBesideSlow(installationReader(far), easy);
    });
  });

  test('are answered beside one that times out, where the network is slow', async () => {
    const { addUser } = server();
    await throughNetwork(async (far, proxy) => {
      const easy = await Promise.all(Array.from({ length: 48 }, () => addUser(['1'])));
      proxy.set({ kind: 'latency', milliseconds: 10 });
      await areReadBesideSlow(installationReader(far), easy);
    });
  });

  test('of more slow users than there are slots for are refused in time', async () => {
    const { database, addUser } = server();
    const users = Array.from({ length: 40 }, (_, n) => addUser(['1'], `sluggish ${n}`));
    const reader = installationReader(database);
    const ids = await Promise.all(users);
    const start = Date.now();
    const outcomes = ids.map((id) =>
      reader.read(id).then(
        () => 'read',
        (error) => error.extensions.code,
      ),
    );
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['read', 'SERVICE_UNAVAILABLE']));
    expect(Date.now() - start).toBeLessThan(3_000);
  });

  test('of one slow user, repeated, all end', async () => {
    const reader = installationReader(server().database);
    const asked: Promise<unknown>[] = [];
    for (let n = 0; n < 20; n++) {
      asked.push(reader.read('slow').catch((error) => error.extensions.code));
      await sleep(30);
    }
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['SERVICE_UNAVAILABLE']));
  });

  test('that follow each other in one request share its time', async () => {
    const { graphql, addUser } = server();
    const id = await addUser(['1'], 'late');
    await whileTimesAreSlow(async () => {
      const start = Date.now();
      const response = await graphql(
        { query: '{ viewer { createdAt installations { id } } }' },
        { as: id },
      );
      expect((await json(response)).errors[0].extensions.code).toBe('SERVICE_UNAVAILABLE');
      expect(Date.now() - start).toBeLessThan(3_000);
    });
  });

  test('of all kinds at once leave a connection to probes', async () => {
    const { graphql, addUser, url } = server();
    const ids = ['tired', 'slow'].flatMap((kind) =>
      Array.from({ length: 10 }, (_, n) => `${kind} ${n}`),
    );
    for (const id of ids) await addUser(['1'], id);
    await whileTimesAreSlow(async () => {
      const asked: Promise<Response>[] = [];
      for (const id of ids) {
        asked.push(graphql({ query: '{ viewer { createdAt installations { id } } }' }, { as: id }));
        await sleep(20);
      }
      const start = Date.now();
      expect((await fetch(`${url}/ready`)).status).toBe(200);
      expect(Date.now() - start).toBeLessThan(150);
      for (const response of await Promise.all(asked))
        expect((await json(response)).errors[0].extensions.code).toBe('SERVICE_UNAVAILABLE');
    });
  }, 30_000);
});
