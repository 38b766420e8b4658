import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTick, setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { INSTALLATION_SLOTS } from '../../src/installations/installation.reader.js';
import { SLOT_TIMEOUT } from '../../src/timeouts.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { installationReader } from '../helpers/installation-reader.js';
import { useServer } from '../helpers/server.js';

/** A key and the values of its rows, as a statement answers them. */
type Found = [key: string, values: unknown[]];

describeOnEachDatabase('A batched reader', (kind) => {
  const server = useServer(kind);

  /** A reader, and how many keys each of its statements has had. */
  function countingReader() {
    const { database } = server();
    const batches: number[] = [];
    const reader = installationReader(database, (text, values, options) => {
      batches.push(JSON.parse(String(values?.[0])).length);
      return database.query(text, values, options);
    });
    return { reader, batches };
  }

  test('sends a statement in the context of the first read that waits for it', async () => {
    const userId = await server().addUser();
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    let arrive = () => {};
    let release = () => {};
    const rowsArrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const othersWait = new Promise<void>((resolve) => {
      release = resolve;
    });
    const reader = installationReader(server().database, async (text, values, options) => {
      seen.push(request.getStore());
      const answer = await server().database.query<never>(text, values, options);
      arrive();
      await othersWait;
      return answer;
    });
    const reads = [request.run('one', () => reader.read(userId))];
    await rowsArrived;
    // Enough to leave when the statement under way ends, which is in the context of `one`: in two statements,
    // so that the database is busy while this process answers.
    for (let number = 0; number < 20; number++)
      reads.push(request.run(`two ${number}`, () => reader.read(`absent-${number}`)));
    release();
    const [one, ...others] = await Promise.all(reads);
    await request.run('three', () => reader.read(userId));
    expect(one).toEqual([]);
    expect(new Set(others)).toEqual(new Set([null]));
    expect(seen).toEqual(['one', 'two 0', 'two 11', 'three']);
  });

  test.each([
    [15, [15]],
    [32, [16, 16]],
  ])('answers %i reads of one tick by statements of %j keys', async (reads, statements) => {
    const { reader, batches } = countingReader();
    await Promise.all(Array.from({ length: reads }, (_, n) => reader.read(`absent-${n}`)));
    expect(batches).toEqual(statements);
  });

  test('gathers reads while each tick of the event loop brings one more, up to a number', async () => {
    const { reader, batches } = countingReader();
    const oneEachTick = async (count: number) => {
      const reads: Promise<unknown>[] = [];
      for (let number = 0; number < count; number++) {
        reads.push(reader.read(`absent-${number}`));
        await nextTick();
      }
      await Promise.all(reads);
      return batches.splice(0);
    };
    expect(await oneEachTick(5)).toEqual([5]);
    expect((await oneEachTick(12))[0]).toBe(8);
  });

  test.each([
    ['as they come', (found: Found[]) => found],
    ['in reverse', (found: Found[]) => found.reverse()],
    ['doubled', (found: Found[]) => found.flatMap((one) => [one, one])],
    ['doubled in reverse', (found: Found[]) => [...found, ...found].reverse()],
    ['among rows of other keys', (found: Found[]) => [['other', [0, '', '', '']], ...found]],
  ] as [string, (found: Found[]) => Found[]][])(
    'matches rows to reads by key: %s',
    async (_order, reorder) => {
      const { addUser, database } = server();
      const reader = installationReader(database, async (...statement) => {
        const { rows } = await database.query<{ json: string }>(...statement);
        const pairs: unknown[] = JSON.parse(rows[0]?.json ?? '[]');
        const found = pairs.flatMap((key, at) => (at % 2 === 0 ? [[key, pairs[at + 1]]] : []));
        return { rows: [{ json: JSON.stringify(reorder(found as Found[]).flat()) }] as never[] };
      });
      const users = [
        { id: 'absent before', githubIds: null },
        { id: await addUser(['11', '12']), githubIds: ['11', '12'] },
        { id: await addUser([]), githubIds: [] },
        { id: 'absent between', githubIds: null },
        { id: await addUser(['21']), githubIds: ['21'] },
        { id: await addUser(['31', '32', '33']), githubIds: ['31', '32', '33'] },
        { id: 'absent after', githubIds: null },
      ];
      const read = await Promise.all(users.map(({ id }) => reader.read(id)));
      const githubIds = read.map((rows) =>
        rows ? rows.map((row) => row.githubInstallationId) : null,
      );
      expect(githubIds).toEqual(users.map((user) => user.githubIds));
      for (const [at, rows] of read.entries())
        for (const row of rows ?? []) expect(row.neptunUserId).toBe(users[at]?.id);
    },
  );

  test('isolates the reads of a batch that fails, so that one bad key harms no other', async () => {
    const { addUser, database } = server();
    const bad = await addUser(['1']);
    const good = [await addUser(['2']), await addUser(['3'])];
    const batches: string[][] = [];
    const reader = installationReader(database, async (text, values, options) => {
      const keys: string[] = JSON.parse(String(values?.[0]));
      batches.push(keys);
      if (keys.includes(bad)) throw new Error('a bad row');
      return database.query(text, values, options);
    });
    const [failed, ...read] = await Promise.allSettled([bad, ...good].map((id) => reader.read(id)));
    expect(failed).toMatchObject({ status: 'rejected', reason: { message: 'a bad row' } });
    expect(read.map((result) => result.status)).toEqual(['fulfilled', 'fulfilled']);
    expect(batches).toEqual([[bad, ...good], [bad], [good[0]], [good[1]]]);
    // The bad key is read together with others again, as nothing is remembered of it.
    await Promise.allSettled([bad, ...good].map((id) => reader.read(id)));
    expect(batches[4]).toEqual([bad, ...good]);
  });

  test('rejects reads whose rows cannot be decoded, and goes on', async () => {
    const { addUser, database } = server();
    const userId = await addUser(['1']);
    let spoilt = true;
    const reader = installationReader(database, async (...statement) => {
      const { rows } = await database.query<never>(...statement);
      return {
        rows: spoilt ? ([{ json: '[[' }] as never[]) : rows,
      };
    });
    await expect(reader.read(userId)).rejects.toThrow(SyntaxError);
    spoilt = false;
    expect(await reader.read(userId)).toHaveLength(1);
  });

  test('reads tables that other programs have given columns of any name', async () => {
    const { database, sql, addUser } = server();
    const userId = await addUser(['1']);
    await sql('ALTER TABLE neptun_user ADD k text, ADD key text, ADD rows text');
    await sql(
      'ALTER TABLE github_app_installation ADD k text, ADD key text, ADD rows text, ADD i text',
    );
    expect(await installationReader(database).read(userId)).toHaveLength(1);
  });

  test('keeps a read whose statement is about to leave, however long the process stood still', async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { database } = server();
    const reader = installationReader(database, async (...statement) => {
      await released;
      return database.query<never>(...statement);
    });
    const reads = [];
    for (let number = 0; number <= INSTALLATION_SLOTS.documented.shared; number++) {
      reads.push(reader.read(`absent-${number}`));
      await sleep(10);
    }
    // The last of them waits for a slot and gets one, but its time runs on.
    release();
    await Promise.all(reads);
    const next = reader.read('absent');
    const end = performance.now() + SLOT_TIMEOUT + 50;
    while (performance.now() < end);
    expect(await next).toBeNull();
  });

  test.each([0, 1, 100, 1_000, 10_000])(
    'reads %i installations of one user whole and in order',
    async (count) => {
      const { database, sql, addUser } = server();
      const userId = await addUser([], `many, "${count}" 😀`);
      // Their ids come in no order.
      await sql(
        `INSERT INTO github_app_installation (id, neptun_user_id, github_installation_id)
         SELECT 1000000 + $2::int * 1000 + n * 7919 % 10007, $1, n FROM generate_series(1, $2::int) n`,
        [userId, count],
      );
      const rows = (await installationReader(database).read(userId)) ?? [];
      const ids = rows.map(({ id }) => id);
      expect(ids).toEqual([...new Set(ids)].sort((one, other) => one - other));
      expect(new Set(rows.map((row) => row.githubInstallationId)).size).toBe(count);
      expect(rows.every((row) => row.neptunUserId === userId)).toBe(true);
      await sql('DELETE FROM neptun_user WHERE id = $1', [userId]);
    },
  );

  test('is answered from an index that holds all its columns, in its order', async () => {
    const { database, sql } = server();
    await sql(
      "INSERT INTO neptun_user (id) SELECT 'indexed ' || n FROM generate_series(1, 1000) n",
    );
    await sql(`
      INSERT INTO github_app_installation (neptun_user_id, github_installation_id)
      SELECT 'indexed ' || n % 1000 + 1, n FROM generate_series(1, 5000) n`);
    await sql('VACUUM ANALYZE neptun_user, github_app_installation');
    const plan: string[] = [];
    const reader = installationReader(database, async (text, values, options) => {
      const lines = await sql<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values);
      plan.push(...lines.map((row) => row['QUERY PLAN']));
      return database.query(text, values, options);
    });
    expect(await reader.read('indexed 1')).toHaveLength(5);
    expect(plan.join('\n')).toContain('Index Only Scan using github_app_installation_read_idx');
    expect(plan.join('\n')).not.toContain('Sort');
  });
});
