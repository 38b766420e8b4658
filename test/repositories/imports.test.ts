import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, describeOnEachDatabase, type TestDatabase } from '../helpers/databases.js';
import { addInstallationFacts, addRepositories } from '../helpers/facts.js';
import { execute, tablesOf } from '../helpers/other-tables.js';
import { cookieOf, json, startTestServer, type TestServer, useServer } from '../helpers/server.js';

/** The keys of the web application's documented answer, in its order. */
const KEYS = [
  'id',
  'github_repository_id',
  ...[
    'name',
    'description',
    'size',
    'language',
    'license',
    'url',
    'website_url',
    'default_branch',
    'is_private',
    'is_fork',
    'is_template',
    'is_archived',
  ].map((name) => `github_repository_${name}`),
  'created_at',
  'updated_at',
  'github_app_installation_id',
];

const get = async (
  { url }: TestServer,
  user: string,
  row: string | number,
  { as = user, headers = {} }: { as?: string | null; headers?: Record<string, string> } = {},
) =>
  fetch(`${url}/api/users/${user}/installations/${row}/imports`, {
    headers: { ...(as !== null && { cookie: await cookieOf(as) }), ...headers },
  });

describeOnEachDatabase('Imports', (kind) => {
  const server = useServer(kind);
  let lastId = 2 ** 41;
  const begin = async () => {
    const installation = String(++lastId);
    await addInstallationFacts(server(), [{ id: installation }]);
    const user = await server().addUser([installation]);
    const [{ id: row }] = await json(await server().rest(user));
    return { installation, user, row };
  };

  test('have the keys of the web application, with numbers as ids, ordered by name', async () => {
    const { installation, user, row } = await begin();
    const [one, two] = [++lastId, ++lastId];
    await addRepositories(server(), installation, [
      { id: String(one), name: 'Zebra', htmlUrl: 'https://github.com/octo-org/Zebra' },
      {
        id: String(two),
        name: 'anvil',
        description: 'Of "iron"',
        size: 12,
        language: 'C',
        license: 'MIT',
        homepageUrl: 'https://example.com',
        defaultBranch: 'main',
        isFork: true,
        isTemplate: false,
        isArchived: false,
        updatedAt: new Date('2026-01-02T03:04:05Z'),
      },
    ]);
    const answer = await get(server(), user, row);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const items = await json(answer);
    expect(items.map(Object.keys)).toEqual([KEYS, KEYS]);
    expect(items[0]).toEqual({
      id: two,
      github_repository_id: two,
      github_repository_name: 'anvil',
      github_repository_description: 'Of "iron"',
      github_repository_size: 12,
      github_repository_language: 'C',
      github_repository_license: 'MIT',
      github_repository_url: null,
      github_repository_website_url: 'https://example.com',
      github_repository_default_branch: 'main',
      github_repository_is_private: false,
      github_repository_is_fork: true,
      github_repository_is_template: false,
      github_repository_is_archived: false,
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
      updated_at: '2026-01-02T03:04:05.000Z',
      github_app_installation_id: row,
    });
    expect(items[1].github_repository_url).toBe('https://github.com/octo-org/Zebra');
  });

  test('are all there, of however many, and not changed while an ETag holds', async () => {
    const { installation, user, row } = await begin();
    const ids = Array.from({ length: 2_500 }, () => String(++lastId));
    await addRepositories(
      server(),
      installation,
      ids.map((id) => ({ id, name: `same-name` })),
    );
    const answer = await get(server(), user, row);
    const items = await json(answer);
    expect(items.map(({ id }: any) => String(id))).toEqual(ids);
    const etag = answer.headers.get('etag') ?? '';
    const again = await get(server(), user, row, { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    expect(again.headers.get('cache-control')).toBe('private, no-cache');
  });

  test('have thousands of private ones that a proof has listed, as soon as they are there', async () => {
    const { installation, user, row } = await begin();
    const count = 10_000;
    const first = lastId + 1;
    lastId += count;
    // No statistics of the tables are there yet.
    await server().sql(
      `INSERT INTO github_fact_repository (id, installation_id, owner, name, is_private)
      SELECT n, $1, 'octo-org', 'r' || n, true FROM generate_series($2::bigint, $3::bigint) n`,
      [installation, first, lastId],
    );
    await server().sql(
      `INSERT INTO github_grant (user_id, installation_id, kind, proved_at, expires_at, repository_ids)
      SELECT $1, $2, 'own_proof', now(), now() + interval '1 day', array_agg(n)
      FROM generate_series($3::bigint, $4::bigint) n`,
      [user, installation, first, lastId],
    );
    const answer = await get(server(), user, row);
    expect(answer.status).toBe(200);
    expect(await json(answer)).toHaveLength(count);
  });

  test('are empty where GitHub has said nothing', async () => {
    const user = await server().addUser([String(++lastId)]);
    const [{ id }] = await json(await server().rest(user));
    expect(await json(await get(server(), user, id))).toEqual([]);
  });

  test('are 404 for what is not in the list, with the same bytes, and 401 without a session', async () => {
    const [mine, other] = [await begin(), await begin()];
    const answers = await Promise.all([
      get(server(), mine.user, other.row),
      get(server(), mine.user, '0'),
      get(server(), mine.user, 'x'),
      get(server(), mine.user, mine.installation),
      get(server(), mine.user, `${mine.row}.0`),
      get(server(), other.user, other.row, { as: mine.user }),
      get(server(), 'nobody', other.row, { as: mine.user }),
    ]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
    expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1);
    expect((await get(server(), mine.user, mine.row, { as: null })).status).toBe(401);
    const put = await fetch(`${server().url}/api/users/x/installations/1/imports`, {
      method: 'PUT',
    });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  });
});

describeOnEachDatabase('Imports on tables of another program', (kind) => {
  let database: TestDatabase;
  let server: TestServer;
  beforeAll(async () => {
    database = await createDatabase(kind);
    await execute(
      database,
      `DROP SCHEMA public CASCADE; CREATE SCHEMA public; ${tablesOf()}
      CREATE TABLE github_app_installation_repository (
        id serial PRIMARY KEY, github_app_installation_id integer NOT NULL REFERENCES github_app_installation,
        github_repository_id integer NOT NULL, github_repository_name text NOT NULL,
        github_repository_description text, github_repository_size integer, github_repository_language text,
        github_repository_license text, github_repository_url text NOT NULL, github_repository_website_url text,
        github_repository_default_branch text, github_repository_is_private boolean NOT NULL,
        github_repository_is_fork boolean, github_repository_is_template boolean,
        github_repository_is_archived boolean NOT NULL,
        created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
      INSERT INTO neptun_user VALUES (1, 'a@example.com'), (2, 'b@example.com');
      INSERT INTO github_app_installation
        (neptun_user_id, github_installation_id, github_account_id, github_account_type, github_account_avatar_url)
      VALUES (1, 7, 5, 'User', ''), (2, 7, 5, 'User', '');
      INSERT INTO github_app_installation_repository (
        github_app_installation_id, github_repository_id, github_repository_name, github_repository_url,
        github_repository_is_private, github_repository_is_archived, created_at, updated_at)
      VALUES (1, 70, 'open', 'https://github.com/a/open', false, false, '2024-01-01', '2024-01-02'),
        (1, 71, 'closed', 'https://github.com/a/closed', true, false, '2024-01-01', NULL),
        (2, 72, 'of-another', 'https://github.com/a/other', false, false, NULL, NULL);`,
    );
    server = await startTestServer(database);
    await server.ready;
  });
  afterAll(async () => {
    await server?.close();
    await database?.remove();
  });

  test('come from the table of that program, except what is private', async () => {
    const items = await json(await get(server, '1', 1));
    expect(items.map(Object.keys)).toEqual([KEYS]);
    expect(items).toEqual([
      expect.objectContaining({
        id: 1,
        github_repository_id: 70,
        github_repository_name: 'open',
        github_repository_is_private: false,
        created_at: '2024-01-01T00:00:00.000Z',
        updated_at: '2024-01-02T00:00:00.000Z',
        github_app_installation_id: 1,
      }),
    ]);
    const others = await json(await get(server, '2', 2));
    expect(others.map((item: any) => item.github_repository_name)).toEqual(['of-another']);
    expect((await get(server, '1', 2)).status).toBe(404);
  });
});
