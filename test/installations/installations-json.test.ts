import { setImmediate } from 'node:timers/promises';
import { expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import {
  InstallationReader,
  type UserInstallations,
} from '../../src/installations/installation.reader.js';
import {
  compileInstallations,
  oneArray,
  parseInstallations,
} from '../../src/installations/installations-json.js';
import type { Context } from '../../src/session/context.js';
import { LISTS_TIMEOUT } from '../../src/timeouts.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { readerApart } from '../helpers/reader-apart.js';
import { useServer } from '../helpers/server.js';

const FIELDS = [
  'id',
  'neptunUserId',
  'githubInstallationId',
  'createdAt',
  'updatedAt',
  '__typename',
] as const;

const userId = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(fc.constantFrom('"', '\\', ',', '$1', '\n', '{"id":', '"github_installation_id":"1'))
    .map((parts) => parts.join('')),
);
const instant = fc.constantFrom(
  '2024-03-20T10:00:00Z',
  '2024-03-20T10:00:00.1Z',
  '12024-03-20T10:00:00.001Z',
  '0044-03-15T10:00:00Z BC',
  'infinity',
);
const row = fc.record({
  id: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  githubId: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  createdAt: instant,
  updatedAt: instant,
});
const selection = fc.uniqueArray(
  fc.tuple(fc.constantFrom('a', 'b', 'id'), fc.constantFrom(...FIELDS)),
  {
    selector: ([key]) => key,
    minLength: 1,
  },
);

describeOnEachDatabase('Installations as the database writes them', (kind) => {
  const server = useServer(kind);

  /** A new user's, read in pieces. */
  async function userWith(count: number): Promise<UserInstallations> {
    const { addInstallations, addUser, database } = server();
    const id = await addUser();
    await addInstallations(id, count);
    const user = await readerApart(database).read(id);
    if (!user) throw new Error('not found');
    return user;
  }

  test('become the same text for GraphQL as by objects, whatever is in them', async () => {
    const { database } = server();
    const readers = [new InstallationReader(database), readerApart(database)];
    const possible = (id: string) => !id.includes('\0') && id.isWellFormed();
    const rows = fc.uniqueArray(row, { selector: ({ id }) => id, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(userId.filter(possible), rows, selection, async (id, items, fields) => {
        await database.query('DELETE FROM neptun_user');
        await database.query('INSERT INTO neptun_user (id) VALUES ($1)', [id]);
        for (const item of items)
          await database.query(
            `INSERT INTO github_app_installation VALUES ($2, $1, $3, $4, $5) ON CONFLICT DO NOTHING`,
            [id, item.id, item.githubId, item.createdAt, item.updatedAt],
          );
        for (const reader of readers) {
          const user = await reader.read(id);
          if (!user) throw new Error('not found');
          const json = oneArray(user.installationsJson).join('');
          expect(json).toBe(JSON.stringify(JSON.parse(json)));

          const objects = await parseInstallations(user, {} as Context);
          expect(objects).toHaveLength(new Set(items.map(({ githubId }) => githubId)).size);
          const expected = objects.map((object) => {
            const values = {
              ...object,
              id: String(object.id),
              __typename: 'GithubAppInstallation',
            };
            return Object.fromEntries(fields.map(([key, name]) => [key, values[name]]));
          });
          expect(await compileInstallations(new Map(fields))(user, {} as Context)).toBe(
            JSON.stringify(expected),
          );
        }
      }),
      { numRuns: 200 },
    );
    // Its ids are any, and might be what the next row gets by itself.
    await database.query('DELETE FROM neptun_user');
  }, 60_000);

  test.each([
    [
      'written',
      (user: UserInstallations) =>
        compileInstallations(new Map([['id', 'id']]))(user, {} as Context),
    ],
    [
      'made objects of',
      async (user: UserInstallations) =>
        JSON.stringify(await parseInstallations(user, {} as Context)),
    ],
  ])(
    'leave others their turns while very many are %s for GraphQL, first come, first served',
    async (_what, rewrite) => {
      const user = await userWith(2000);
      let turns = 0;
      let counting = true;
      const count = async () => {
        for (; counting; turns++) await setImmediate();
      };
      const counted = count();
      const ends = [0, 1].map(async () => {
        const items = JSON.parse(await rewrite(user));
        return { turns, items };
      });
      const [first, second] = await Promise.all(ends).finally(() => {
        counting = false;
      });
      await counted;
      expect(user.installationsJson).toHaveLength(20);
      expect(first?.items).toHaveLength(2000);
      expect(second?.items).toEqual(first?.items);
      expect(first?.turns).toBeGreaterThanOrEqual(4);
      expect((second?.turns ?? 0) - (first?.turns ?? 0)).toBeGreaterThanOrEqual(4);
    },
  );

  test('keep nobody waiting for another user’s, however many those are', async () => {
    const [much, little] = [await userWith(2000), await userWith(800)];
    const ended: string[] = [];
    const ask = async (user: UserInstallations, name: string) => {
      await parseInstallations(user, {} as Context);
      ended.push(name);
    };
    const all = Array.from({ length: 5 }, () => ask(much, 'much'));
    all.push(ask(little, 'little'));
    await Promise.all(all);
    expect(ended[0]).toBe('little');
  });

  test('are refused where the same user’s other requests take too long, but not for their own', async () => {
    const user = await userWith(1000);
    const write = compileInstallations(new Map([['id', 'id']]));
    const [one, other] = [{} as Context, {} as Context];
    const clock = jest.spyOn(performance, 'now');
    try {
      const lists = [write(user, one), write(user, other), write(user, one)];
      await setImmediate();
      const late = performance.now() + LISTS_TIMEOUT + 1;
      clock.mockImplementation(() => late);
      lists.push(write(user, one), write(user, other));
      expect(await Promise.allSettled(lists)).toMatchObject([
        { status: 'fulfilled' },
        { status: 'rejected', reason: { extensions: { code: 'SERVICE_UNAVAILABLE' } } },
        { status: 'fulfilled' },
        { status: 'fulfilled' },
        { status: 'rejected' },
      ]);
      expect(JSON.parse(await write(user, {} as Context))).toHaveLength(1000);
    } finally {
      clock.mockRestore();
    }
  });
});
