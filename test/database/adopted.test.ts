import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  createDatabase,
  describeOnEachDatabase,
  describeOnPostgres,
  type TestDatabase,
} from '../helpers/databases.js';
import { type ColumnTypes, DUMP, execute, tablesOf } from '../helpers/other-tables.js';
import { json, startTestServer, type TestServer } from '../helpers/server.js';

const UUID = '0b0e7c0a-95a3-4c1e-8f0e-2d1c3b4a5f6e';
const OTHER_UUID = '9d9e7c0a-95a3-4c1e-8f0e-2d1c3b4a5f6e';
const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const ACCOUNT = "5, 'User', 'https://avatars.example/5', NULL";
/** No zone but UTC, and no order of the parts of a date, may be taken from the database. */
const ABROAD = `DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET timezone = %L', current_database(), 'America/St_Johns');
  EXECUTE format('ALTER DATABASE %I SET datestyle = %L', current_database(), 'SQL, DMY');
END $$;`;

interface Case extends Partial<ColumnTypes> {
  user?: string;
  /** A user without installations. */
  other?: string;
  /** An id that nobody has. */
  nobody?: string;
  /** Values of the further columns. */
  account?: string;
}

/** What another program writes: an installation in winter, one in summer, one whose times it left out. */
function rowsOf({ user = '1', other = '2', time, githubId, account = ACCOUNT }: Case): string {
  const more = account && `, ${account}`;
  const zone = time?.startsWith('timestamptz') ? '+00' : '';
  const later = githubId?.startsWith('integer') === false ? '4294967299' : '2147483647';
  return `
    INSERT INTO neptun_user VALUES
      ('${user}', 'a@example.com', '2024-02-03 10:00:00${zone}', '2024-02-03 10:00:00.123456${zone}'),
      ('${other}', 'b@example.com', NULL, NULL);
    INSERT INTO github_app_installation VALUES
      (7, '${user}', 12345678${more}, '2024-03-10 02:30:00${zone}', '2024-11-03 01:30:00.5${zone}'),
      (3, '${user}', ${later}${more}, '2024-07-01 23:59:59.999${zone}', NULL),
      (5, '${user}', 12345678${more}, NULL, NULL);`;
}

async function startOn(database: TestDatabase, sql: string): Promise<TestServer> {
  await execute(database, sql);
  const server = await startTestServer(database);
  await server.ready;
  return server;
}

const statusOf = async (server: TestServer, id: string) => (await server.rest(id)).status;

describeOnEachDatabase('Tables as the first user has them', (kind) => {
  let database: TestDatabase;
  let server: TestServer;
  let dump: unknown[];
  const dumpNow = async () => await server.sql(DUMP);
  beforeAll(async () => {
    database = await createDatabase(kind);
    await execute(database, ABROAD);
    server = await startOn(database, tablesOf() + rowsOf({}));
    dump = await dumpNow();
  });
  afterAll(async () => {
    await server.close();
    await database.remove();
  });

  test('are answered over REST, with times in UTC, ordered by id, duplicates too', async () => {
    const response = await server.rest('1');
    expect([response.status, await json(response)]).toEqual([
      200,
      [
        {
          id: 3,
          neptun_user_id: '1',
          github_installation_id: '2147483647',
          created_at: '2024-07-01T23:59:59.999Z',
          updated_at: INSTANT,
        },
        {
          id: 5,
          neptun_user_id: '1',
          github_installation_id: '12345678',
          created_at: INSTANT,
          updated_at: INSTANT,
        },
        {
          id: 7,
          neptun_user_id: '1',
          github_installation_id: '12345678',
          created_at: '2024-03-10T02:30:00.000Z',
          updated_at: '2024-11-03T01:30:00.500Z',
        },
      ],
    ]);
    expect(await json(await server.rest('2'))).toEqual([]);
  });

  test('are answered over GraphQL', async () => {
    const query = `{ viewer { id createdAt updatedAt installations {
      id neptunUserId githubInstallationId createdAt updatedAt } } }`;
    const { data, errors } = await json(await server.graphql({ query }, { as: '1' }));
    expect(errors).toBe(undefined);
    expect(data.viewer).toMatchObject({
      id: '1',
      createdAt: '2024-02-03T10:00:00.000Z',
      updatedAt: '2024-02-03T10:00:00.123Z',
    });
    expect(data.viewer.installations).toHaveLength(3);
    expect(data.viewer.installations[2]).toEqual({
      id: '7',
      neptunUserId: '1',
      githubInstallationId: '12345678',
      createdAt: '2024-03-10T02:30:00.000Z',
      updatedAt: '2024-11-03T01:30:00.500Z',
    });
    const timeless = await json(await server.graphql({ query }, { as: '2' }));
    expect(timeless.data.viewer).toEqual({
      id: '2',
      createdAt: INSTANT,
      updatedAt: INSTANT,
      installations: [],
    });
  });

  test.each([
    '999999',
    '0',
    '-1',
    '01',
    ' 1',
    '1 ',
    '+1',
    '1.0',
    '1e0',
    '0x1',
    '１',
    '2147483648',
    '4294967297',
    '9223372036854775808',
    'user123',
    UUID,
    '1\0',
    "1' OR '1'='1",
  ])('have no user whose id is %j', async (id) => {
    expect(await statusOf(server, id)).toBe(404);
    const { data, errors } = await json(
      await server.graphql({ query: '{viewer{id}}' }, { as: id }),
    );
    expect([data.viewer, errors[0].extensions.code]).toEqual([null, 'NOT_FOUND']);
  });

  test('have no user of whom only installations are left', async () => {
    await server.sql(
      `INSERT INTO github_app_installation VALUES (100, 77, 1, ${ACCOUNT}, now(), now())`,
    );
    expect(await statusOf(server, '77')).toBe(404);
  });

  test('show what another program writes while we run, as it is committed', async () => {
    const insert = `INSERT INTO github_app_installation VALUES (101, 2, 9, ${ACCOUNT}, now(), now())`;
    await server.sql(insert);
    expect(await json(await server.rest('2'))).toMatchObject([{ id: 101 }]);
    await server.sql('DELETE FROM github_app_installation WHERE id = 101');
    expect(await json(await server.rest('2'))).toEqual([]);
    await server.sql("INSERT INTO neptun_user VALUES (78, 'c@example.com')");
    expect(await json(await server.rest('78'))).toEqual([]);
  });

  test('are not altered by any of that', async () => {
    expect(await dumpNow()).toEqual(dump);
  });

  test('may get columns of another program while we run', async () => {
    await server.sql('ALTER TABLE github_app_installation ADD suspended_at timestamptz');
    await server.sql('ALTER TABLE neptun_user ADD github_installations json');
    expect(await json(await server.rest('1'))).toHaveLength(3);
    const query = '{viewer{id createdAt installations{id}}}';
    const { data } = await json(await server.graphql({ query }, { as: '1' }));
    expect(data.viewer.installations).toHaveLength(3);
  });
});

const TIMESTAMPTZ = 'timestamptz DEFAULT now()';
const WITHOUT_ACCOUNT = { more: '', account: '' };
const CASES: [string, Case][] = [
  ['integer', { userId: 'integer', time: TIMESTAMPTZ, githubId: 'bigint' }],
  ['smallint', { userId: 'smallint', githubId: 'text', nobody: '32768', ...WITHOUT_ACCOUNT }],
  [
    'bigint',
    { userId: 'bigserial', user: '9007199254740993', githubId: 'varchar(20)', nobody: '1' },
  ],
  [
    'uuid',
    {
      userId: 'uuid',
      user: UUID,
      other: OTHER_UUID,
      nobody: UUID.toUpperCase(),
      time: TIMESTAMPTZ,
      githubId: 'text',
      ...WITHOUT_ACCOUNT,
    },
  ],
  ['text', { userId: 'text', user: 'user 1', nobody: 'user 2' }],
  [
    'varchar',
    {
      userId: 'varchar(40)',
      user: 'é"\\1',
      nobody: 'x'.repeat(41),
      time: 'timestamptz(0)',
      githubId: 'bigint',
      reference: 'REFERENCES neptun_user (id)',
    },
  ],
];

describeOnEachDatabase('Tables whose user ids are', (kind) => {
  test.each(CASES)('%s are served as they are', async (_name, of) => {
    const { user = '1', other = '2', nobody = '3', time, githubId } = of;
    const database = await createDatabase(kind);
    await execute(database, ABROAD);
    const server = await startOn(database, tablesOf(of) + rowsOf(of));
    const before = await server.sql(DUMP);
    const installations = await json(await server.rest(user));
    expect(installations).toMatchObject([{ id: 3 }, { id: 5 }, { id: 7 }]);
    const rounded = time === 'timestamptz(0)';
    expect(installations[2]).toEqual({
      id: 7,
      neptun_user_id: user,
      github_installation_id: '12345678',
      created_at: '2024-03-10T02:30:00.000Z',
      updated_at: rounded ? INSTANT : '2024-11-03T01:30:00.500Z',
    });
    expect(installations[0].github_installation_id).toBe(
      githubId === undefined ? '2147483647' : '4294967299',
    );
    const query = '{viewer{id createdAt installations{githubInstallationId neptunUserId}}}';
    const { data } = await json(await server.graphql({ query }, { as: user }));
    expect(data.viewer).toMatchObject({ id: user, createdAt: '2024-02-03T10:00:00.000Z' });
    expect(data.viewer.installations[0]).toMatchObject({ neptunUserId: user });
    expect(await json(await server.rest(other))).toEqual([]);
    expect(await statusOf(server, nobody)).toBe(404);
    expect(await server.sql(DUMP)).toEqual(before);
    await server.close();
    await database.remove();
  });

  test('uuid have no user by another form of an id', async () => {
    const of = { userId: 'uuid', user: UUID, other: OTHER_UUID };
    const database = await createDatabase(kind);
    const server = await startOn(database, tablesOf(of) + rowsOf(of));
    const forms = [UUID.toUpperCase(), `{${UUID}}`, UUID.replaceAll('-', ''), ` ${UUID}`, '1'];
    const statuses = await Promise.all([UUID, ...forms].map((id) => statusOf(server, id)));
    expect(statuses).toEqual([200, ...forms.map(() => 404)]);
    await server.close();
    await database.remove();
  });
});

describeOnPostgres('Tables of another program', () => {
  const withRole = async (sql: (role: string) => string, options = '') => {
    const database = await createDatabase('PostgreSQL');
    const role = new URL(database.env.DATABASE_URL ?? '').pathname.replace('/test', 'reader');
    const url = new URL(database.env.DATABASE_URL ?? '');
    url.username = role;
    if (options) url.searchParams.set('options', options);
    await execute(database, `CREATE ROLE ${role} LOGIN; ${sql(role)}`);
    const env = { ...database.env, DATABASE_URL: url.href };
    const server = await startTestServer({ ...database, env });
    await server.ready;
    return {
      server,
      async remove() {
        await server.close();
        await execute(database, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
        await database.remove();
      },
    };
  };
  const read = (role: string, schema: string) =>
    `GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role};`;

  test('are served to a role that may only read them', async () => {
    const { server, remove } = await withRole(
      (role) => `${tablesOf()}${rowsOf({})}${read(role, 'public')}`,
    );
    expect(await json(await server.rest('1'))).toHaveLength(3);
    await remove();
  });

  describe.each([
    ['connection', (_role: string) => '', '-c search_path=app'],
    ['role', (role: string) => `ALTER ROLE ${role} SET search_path = app, public;`, ''],
  ])('in the search path of the %s', (_of, set, options) => {
    test('are served, whatever public has', async () => {
      const { server, remove } = await withRole(
        (role) => `
          ${tablesOf({ userId: 'text' })}
          CREATE SCHEMA app; SET search_path = app; ${tablesOf()}${rowsOf({})}
          ${set(role)}${read(role, 'app')}`,
        options,
      );
      expect(await json(await server.rest('1'))).toHaveLength(3);
      expect(server.database.tables?.catalog.tables.get('neptun_user')?.schema).toBe('app');
      await remove();
    });
  });
});
