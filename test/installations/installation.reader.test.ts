import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { AT_ONCE } from '../../src/database/create-pool.js';
import { InstallationReader } from '../../src/installations/installation.reader.js';
import { oneArray, parseInstallations } from '../../src/installations/installations-json.js';
import type { Context } from '../../src/session/context.js';
import { TURN_TIMEOUT } from '../../src/timeouts.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { readerApart } from '../helpers/reader-apart.js';
import { useServer } from '../helpers/server.js';

describeOnEachDatabase('The reader', (kind) => {
  const server = useServer(kind);

  test('sends a statement in the context of the first who waits for it', async () => {
    const userId = await server().addUser();
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    let arrive = () => {};
    let release = () => {};
    const rowsArrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const othersAsked = new Promise<void>((resolve) => {
      release = resolve;
    });
    const reader = new InstallationReader({
      async query(text, values, options) {
        seen.push(request.getStore());
        const answer = await server().database.query<never>(text, values, options);
        arrive();
        await othersAsked;
        return answer;
      },
    });
    const reads = [request.run('one', () => reader.read(userId))];
    await rowsArrived;
    // Enough to leave when the statement under way ends, which is in the context of `one`: in two statements,
    // so that the database is busy while this process answers.
    for (let number = 0; number < 20; number++)
      reads.push(request.run(`two ${number}`, () => reader.read(`nobody-${number}`)));
    release();
    const [one, ...others] = await Promise.all(reads);
    await request.run('three', () => reader.read(userId));
    expect(one?.id).toBe(userId);
    expect(new Set(others)).toEqual(new Set([null]));
    expect(seen).toEqual(['one', 'two 0', 'two 11', 'three']);
  });

  test.each([
    [15, [15]],
    [32, [16, 16]],
  ])('reads %i who come at once in statements of %j', async (callers, statements) => {
    const seen: number[] = [];
    const reader = new InstallationReader({
      query(text, values, options) {
        seen.push(JSON.parse(String(values?.[0])).length);
        return server().database.query<never>(text, values, options);
      },
    });
    await Promise.all(Array.from({ length: callers }, (_, n) => reader.read(`nobody-${n}`)));
    expect(seen).toEqual(statements);
  });

  test('gathers while each turn of the event loop brings one more, up to a number', async () => {
    const seen: number[] = [];
    const reader = new InstallationReader({
      query(text, values, options) {
        seen.push(JSON.parse(String(values?.[0])).length);
        return server().database.query<never>(text, values, options);
      },
    });
    const oneEachTurn = async (count: number) => {
      const reads: Promise<unknown>[] = [];
      for (let number = 0; number < count; number++) {
        reads.push(reader.read(`nobody-${number}`));
        await nextTurn();
      }
      await Promise.all(reads);
      return seen.splice(0);
    };
    expect(await oneEachTurn(5)).toEqual([5]);
    expect((await oneEachTurn(12))[0]).toBe(8);
  });

  test('reads where other programs have columns of their own, by whatever name', async () => {
    const { database, addUser } = server();
    const userId = await addUser(['1']);
    await database.query('ALTER TABLE neptun_user ADD middle text');
    await database.query(
      'ALTER TABLE github_app_installation ADD middle text, ADD piece text, ADD first_id text, ADD u text',
    );
    for (const reader of [new InstallationReader(database), readerApart(database)]) {
      const user = await reader.read(userId);
      expect(JSON.parse(user?.installationsJson[0] ?? '')).toHaveLength(1);
    }
  });

  test.each([
    [0, 1],
    [1, 1],
    [100, 1],
    [101, 2],
    [250, 3],
  ])('reads %i installations apart in %i pieces that say the same', async (count, pieces) => {
    const { database, addUser } = server();
    const userId = await addUser([], `apart, "${count}" 😀`);
    // As they come, their ids are in no order.
    await database.query(
      `INSERT INTO github_app_installation (id, neptun_user_id, github_installation_id)
       SELECT 1000000 + $2 * 1000 + n * 7919 % 997, $1, n FROM generate_series(1, $2::int) n`,
      [userId, count],
    );
    const shared = await new InstallationReader(database).read(userId);
    const apart = await readerApart(database).read(userId);
    expect(shared?.installationsJson).toEqual([oneArray(apart?.installationsJson ?? []).join('')]);
    expect(apart?.id).toBe(userId);
    expect(apart?.installationsJson).toHaveLength(pieces);
    expect(JSON.parse(shared?.installationsJson[0] ?? '')).toHaveLength(count);
  });

  test.each([
    [0, 0],
    [150, 0],
    [150, 40],
    [40, 150],
  ])('reads the same apart, of %i incomplete rows and %i others', async (incomplete, others) => {
    const { database, addUser } = server();
    const userId = await addUser();
    const orphan = `orphan of ${userId}`;
    // As another program's tables may allow.
    await database.query(`
      ALTER TABLE github_app_installation ALTER github_installation_id DROP NOT NULL,
        DROP CONSTRAINT IF EXISTS github_app_installation_user_fkey`);
    for (const id of [userId, orphan])
      await database.query(
        `INSERT INTO github_app_installation (neptun_user_id, github_installation_id)
         SELECT $1, CASE WHEN n > $2::int THEN n END FROM generate_series(1, $2::int + $3::int) n`,
        [id, incomplete, others],
      );
    for (const id of [userId, orphan]) {
      const shared = await new InstallationReader(database).read(id);
      const apart = await readerApart(database).read(id);
      expect(oneArray(apart?.installationsJson ?? []).join('')).toBe(
        shared?.installationsJson[0] ?? '',
      );
      const isKnown = id === userId || others > 0;
      expect(shared && JSON.parse(shared.installationsJson[0] ?? '').length).toBe(
        isKnown ? others : null,
      );
    }
  });

  test('reads the same apart, where ids are missing or come twice', async () => {
    const { database, addUser } = server();
    const userId = await addUser();
    await database.query(`
      ALTER TABLE github_app_installation DROP CONSTRAINT github_app_installation_pkey,
        ALTER id DROP IDENTITY, ALTER id DROP NOT NULL`);
    await database.query(`
      CREATE SEQUENCE others START 3000000;
      ALTER TABLE github_app_installation ALTER id SET DEFAULT nextval('others')`);
    // The first piece ends with 100, and the second begins with it; NULL comes last, and after 200 others.
    await database.query(
      `INSERT INTO github_app_installation (id, neptun_user_id, github_installation_id)
       SELECT CASE WHEN n <= 100 THEN n WHEN n <= 200 THEN n - 1 END, $1, n
       FROM generate_series(1, 201) n`,
      [userId],
    );
    const numbers = async (reader: InstallationReader) => {
      const user = await reader.read(userId);
      const items = user ? await parseInstallations(user, {} as Context) : [];
      return items
        .map((item) => Number(item.githubInstallationId))
        .sort((one, other) => one - other);
    };
    const complete = Array.from({ length: 200 }, (_, n) => n + 1);
    expect(await numbers(new InstallationReader(database))).toEqual(complete);
    expect(await numbers(readerApart(database))).toEqual(complete);
  });

  test('refuses nobody who is about to be asked for, however long the process stood still', async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const reader = new InstallationReader({
      async query(text, values, options) {
        await released;
        return server().database.query<never>(text, values, options);
      },
    });
    const reads = [];
    for (let number = 0; number <= AT_ONCE.installations.shared; number++) {
      reads.push(reader.read(`nobody-${number}`));
      await sleep(10);
    }
    // The last of them waits for its turn: it gets one, but the clock for it runs on.
    release();
    await Promise.all(reads);
    const next = reader.read('nobody');
    const end = performance.now() + TURN_TIMEOUT + 50;
    while (performance.now() < end);
    expect(await next).toBeNull();
  });

  test('refuses rows that nobody expected, and goes on', async () => {
    const { database, addUser } = server();
    const userId = await addUser(['1']);
    let spoilt = true;
    const reader = new InstallationReader({
      async query<Row>(...query: Parameters<typeof database.query>) {
        const { rows } = await database.query<Row>(...query);
        return { rows: spoilt ? rows.map((row) => ({ ...row, installationsJson: null })) : rows };
      },
    });
    await expect(reader.read(userId)).rejects.toThrow(TypeError);
    spoilt = false;
    expect((await reader.read(userId))?.id).toBe(userId);
  });

  test('reads nobody apart as nobody', async () => {
    expect(await readerApart(server().database).read('nobody')).toBeNull();
  });

  test('reads a user in pieces while there are very many installations', async () => {
    const { database, addUser } = server();
    const userId = await addUser();
    await server().addInstallations(userId, 1000);
    const reader = new InstallationReader(database);
    const pieces = async () => (await reader.read(userId))?.installationsJson.length;
    expect([await pieces(), await pieces(), await pieces()]).toEqual([1, 10, 10]);
    await database.query('DELETE FROM github_app_installation WHERE neptun_user_id = $1', [userId]);
    expect([await pieces(), await pieces()]).toEqual([1, 1]);
  });

  test('has an index that gives all that it asks for, in its order', async () => {
    const { database } = server();
    await database.query(
      "INSERT INTO neptun_user (id) SELECT 'indexed ' || n FROM generate_series(1, 1000) n",
    );
    await database.query(`
      INSERT INTO github_app_installation (neptun_user_id, github_installation_id)
      SELECT 'indexed ' || n % 1000 + 1, n FROM generate_series(1, 5000) n`);
    await database.query('VACUUM ANALYZE neptun_user, github_app_installation');
    const plan: string[] = [];
    const reader = new InstallationReader({
      async query(text, values) {
        const lines = await database.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values);
        plan.push(...lines.rows.map((row) => row['QUERY PLAN']));
        return database.query(text, values);
      },
    });
    const user = await reader.read('indexed 1');
    expect(JSON.parse(user?.installationsJson[0] ?? '')).toHaveLength(5);
    expect(plan.join('\n')).toContain('Index Only Scan using github_app_installation_read_idx');
    expect(plan.join('\n')).not.toContain('Sort');
  });
});
