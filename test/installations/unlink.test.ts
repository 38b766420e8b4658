import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, describeOnEachDatabase, type TestDatabase } from '../helpers/databases.js';
import { addInstallationFacts } from '../helpers/facts.js';
import { GRANTS } from '../helpers/grants.js';
import { execute, tablesOf } from '../helpers/other-tables.js';
import { cookieOf, json, startTestServer, type TestServer, useServer } from '../helpers/server.js';

const MUTATION =
  'mutation ($id: ID!) { unlinkInstallation(id: $id) { installationId githubInstallationId } }';

const del = async (
  { url }: TestServer,
  user: string,
  id: string,
  { as = user, headers = {} }: { as?: string | null; headers?: Record<string, string> } = {},
) =>
  fetch(`${url}/api/users/${encodeURIComponent(user)}/installations/${encodeURIComponent(id)}`, {
    method: 'DELETE',
    headers: { ...(as !== null && { cookie: await cookieOf(as) }), ...headers },
  });

describeOnEachDatabase('Unlinking', (kind) => {
  const server = useServer(kind, { CORS_ORIGINS: 'https://app.example.com' });
  const linksOf = async (user: string) =>
    (
      (await json(await server().rest(user))) as { id: number; github_installation_id: string }[]
    ).map(({ id, github_installation_id }): [string, string] => [
      String(id),
      github_installation_id,
    ]);
  let lastId = 2 ** 40;
  const newId = () => String(++lastId);

  test('by REST answers true, once, and leaves the links of others', async () => {
    const [one, two] = [newId(), newId()];
    const me = await server().addUser([one, two]);
    const other = await server().addUser([one]);
    const [[first] = ['']] = await linksOf(me);
    const answer = await del(server(), me, first);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await answer.text()).toBe('true');
    expect((await linksOf(me)).map(([, id]) => id)).toEqual([two]);
    expect((await linksOf(other)).map(([, id]) => id)).toEqual([one]);
    expect((await del(server(), me, first)).status).toBe(404);
  });

  test('by GraphQL answers with both ids, and the errors of reads', async () => {
    const id = newId();
    const me = await server().addUser([id]);
    const other = await server().addUser([newId()]);
    const [[mine] = ['']] = await linksOf(me);
    const [[theirs] = ['']] = await linksOf(other);
    const unlink = async (id: string, as: string | null = me) =>
      json(await server().graphql({ query: MUTATION, variables: { id } }, { as }));
    for (const wrong of [theirs, '0', '-1', 'x', '', '1e3', ' 1', '9'.repeat(40), '\u0000']) {
      const { data, errors } = await unlink(wrong);
      expect(data).toEqual({ unlinkInstallation: null });
      expect(errors[0]).toMatchObject({
        message: 'Installation not found',
        extensions: { code: 'NOT_FOUND' },
      });
    }
    expect((await unlink(mine, null)).errors[0].extensions.code).toBe('UNAUTHENTICATED');
    expect(await unlink(mine)).toEqual({
      data: { unlinkInstallation: { installationId: mine, githubInstallationId: id } },
    });
    expect(await linksOf(me)).toEqual([]);
    expect((await linksOf(other)).map(([id]) => id)).toEqual([theirs]);
  });

  test('of what is not one’s own is 404, with the same bytes as of what does not exist', async () => {
    const me = await server().addUser([newId()]);
    const other = await server().addUser([newId()]);
    const [[theirs] = ['']] = await linksOf(other);
    const answers = await Promise.all([
      del(server(), me, theirs),
      del(server(), me, '2147483000'),
      del(server(), me, 'x'),
      del(server(), me, '99999999999999999999'),
      del(server(), other, theirs, { as: me }),
      del(server(), 'nobody', theirs, { as: me }),
    ]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
    expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1);
    expect((await del(server(), me, theirs, { as: null })).status).toBe(401);
    expect(await linksOf(other)).toHaveLength(1);
  });

  test('of two at once, one finds it', async () => {
    const me = await server().addUser([newId()]);
    const [[id] = ['']] = await linksOf(me);
    const answers = await Promise.all(Array.from({ length: 6 }, () => del(server(), me, id)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404, 404, 404]);
  });

  test('is remembered: no evidence brings it back', async () => {
    const id = newId();
    const account = newId();
    await addInstallationFacts(server(), [{ id, accountId: account, accountType: 'User' }]);
    const me = await server().addUser();
    const settle = () =>
      server().database.dataSource.transaction((manager) =>
        GRANTS.settle(manager, { installations: [id] }),
      );
    await server().database.dataSource.transaction((manager) =>
      GRANTS.see(manager, me, { id: account, login: null }),
    );
    const [[link] = ['']] = await linksOf(me);
    expect((await del(server(), me, link)).status).toBe(200);
    await settle();
    expect(await linksOf(me)).toEqual([]);
  });

  test('removes a hidden link neither', async () => {
    const [missing, deleted] = [newId(), newId()];
    await addInstallationFacts(server(), [
      { id: missing, missingSince: new Date() },
      { id: deleted, deletedAt: new Date() },
    ]);
    const me = await server().addUser([missing, deleted]);
    const rows = await server().sql<{ id: number }>(
      'SELECT id FROM github_app_installation WHERE neptun_user_id = $1',
      [me],
    );
    for (const { id } of rows) expect((await del(server(), me, String(id))).status).toBe(404);
  });

  test.each([
    ['of another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
    ['of another port', { 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1:1' }],
    ['of a sandboxed frame', { 'sec-fetch-site': 'cross-site', origin: 'null' }],
    ['of an old browser', { origin: 'https://evil.example' }],
    ['without an origin', { 'sec-fetch-site': 'cross-site' }],
  ])('for a page %s is refused, by REST and by GraphQL', async (_name, headers) => {
    const me = await server().addUser([newId()]);
    const [[id] = ['']] = await linksOf(me);
    const rest = await del(server(), me, id, { headers });
    expect(rest.status).toBe(403);
    const body = { query: MUTATION, variables: { id } };
    const graphql = await server().graphql(body, { as: me, headers });
    expect(graphql.status).toBe(403);
    expect((await json(graphql)).errors[0].extensions.code).toBe('FORBIDDEN');
    expect(await linksOf(me)).toHaveLength(1);
  });

  test.each([
    ['of this server', { 'sec-fetch-site': 'same-origin' }],
    ['that was typed', { 'sec-fetch-site': 'none' }],
    ['of an allowed origin', { 'sec-fetch-site': 'cross-site', origin: 'https://app.example.com' }],
  ])('for a page %s is done', async (_name, headers) => {
    const me = await server().addUser([newId(), newId()]);
    const [[one] = [''], [two] = ['']] = await linksOf(me);
    expect((await del(server(), me, one, { headers })).status).toBe(200);
    const body = { query: MUTATION, variables: { id: two } };
    const { errors } = await json(await server().graphql(body, { as: me, headers }));
    expect(errors).toBeUndefined();
    expect(await linksOf(me)).toEqual([]);
  });

  test('is done by POST with JSON alone', async () => {
    const me = await server().addUser([newId()]);
    const [[id] = ['']] = await linksOf(me);
    const cookie = await cookieOf(me);
    const query = `mutation { unlinkInstallation(id: "${id}") { installationId } }`;
    const get = await fetch(`${server().url}/graphql?query=${encodeURIComponent(query)}`, {
      headers: { cookie, 'apollo-require-preflight': 'true' },
    });
    expect(get.status).toBe(405);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const body = JSON.stringify({ query });
      const headers = { cookie, 'content-type': type };
      const answer = await fetch(`${server().url}/graphql`, { method: 'POST', headers, body });
      expect(answer.status).toBeGreaterThanOrEqual(400);
    }
    expect(await linksOf(me)).toHaveLength(1);
  });

  test.each([
    ['application/json', undefined],
    ['application/json', '{}'],
    ['text/plain', 'x'],
    ['text/plain', undefined],
  ])('takes a request of type %s and body %s', async (type, body) => {
    const me = await server().addUser([newId()]);
    const [[id] = ['']] = await linksOf(me);
    const headers = { cookie: await cookieOf(me), 'content-type': type };
    const url = `${server().url}/api/users/${me}/installations/${id}`;
    const answer = await fetch(url, { method: 'DELETE', headers, body: body ?? null });
    expect([answer.status, await answer.text()]).toEqual([200, 'true']);
  });

  test('takes no other method', async () => {
    const answer = await fetch(`${server().url}/api/users/x/installations/1`, { method: 'PUT' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'DELETE, OPTIONS']);
  });
});

describeOnEachDatabase('Unlinking in tables of another program', (kind) => {
  let database: TestDatabase;
  let server: TestServer;
  beforeAll(async () => {
    database = await createDatabase(kind);
    if (kind === 'PGlite') {
      await execute(database, 'SELECT 1');
    }
    await execute(
      database,
      `DROP SCHEMA public CASCADE; CREATE SCHEMA public; ${tablesOf()}
      CREATE TABLE github_app_installation_repository (
        id serial PRIMARY KEY, github_app_installation_id integer NOT NULL REFERENCES github_app_installation);
      INSERT INTO neptun_user VALUES (1, 'a@example.com'), (2, 'b@example.com');
      INSERT INTO github_app_installation
        (neptun_user_id, github_installation_id, github_account_id, github_account_type, github_account_avatar_url)
      VALUES (1, 7, 5, 'User', ''), (1, 7, 5, 'User', ''), (1, 8, 5, 'User', ''), (2, 7, 5, 'User', '');
      INSERT INTO github_app_installation_repository (github_app_installation_id) VALUES (1), (2), (3), (4);`,
    );
    server = await startTestServer(database);
    await server.ready;
  });
  afterAll(async () => {
    await server?.close();
    await database?.remove();
  });

  test('removes all duplicates of the link, with what other tables say of them', async () => {
    expect((await del(server, '1', '2')).status).toBe(200);
    expect(await server.sql('SELECT id FROM github_app_installation ORDER BY id')).toEqual([
      { id: 3 },
      { id: 4 },
    ]);
    const imports =
      'SELECT github_app_installation_id AS id FROM github_app_installation_repository ORDER BY 1';
    expect(await server.sql(imports)).toEqual([{ id: 3 }, { id: 4 }]);
    for (const id of ['4', '1', 'x']) expect((await del(server, '1', id)).status).toBe(404);
    expect((await json(await server.rest('1'))) as object[]).toHaveLength(1);
  });
});
