import { expect, test } from '@jest/globals';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { cookieOf, json, useServer } from '../helpers/server.js';

const INSTALLATION = 'id neptunUserId githubInstallationId createdAt updatedAt';
const ORIGIN = 'https://app.example.com';
const NOT_FOUND = { message: 'User not found', extensions: { code: 'NOT_FOUND' } };

describeOnEachDatabase('POST /graphql', (kind) => {
  const server = useServer(kind, { CORS_ORIGINS: ORIGIN });

  test('returns the viewer and the same user by id, with the installations of REST', async () => {
    const userId = await server().addUser(['98765432101', '12']);
    const response = await server().graphql(
      {
        query: `query ($id: ID!) {
          viewer { id createdAt installations { ${INSTALLATION} } }
          user(id: $id) { id updatedAt installations { ${INSTALLATION} } }
        }`,
        variables: { id: userId },
      },
      { as: userId },
    );
    expect(response.status).toBe(200);
    const { data, errors } = await json(response);
    expect(errors).toBeUndefined();
    const rest = await json(await server().rest(userId));
    const installations = rest.map((item: Record<string, unknown>) => ({
      id: String(item.id),
      neptunUserId: item.neptun_user_id,
      githubInstallationId: item.github_installation_id,
      createdAt: item.created_at,
      updatedAt: item.updated_at,
    }));
    expect(data.viewer).toEqual({ id: userId, createdAt: expect.any(String), installations });
    expect(data.user).toEqual({ id: userId, updatedAt: expect.any(String), installations });
  });

  test('returns timestamps of a user, also for infinite values of another program', async () => {
    const me = await server().addUser();
    const ask = async () =>
      (
        await json(
          await server().graphql({ query: '{ viewer { createdAt updatedAt } }' }, { as: me }),
        )
      ).data.viewer;
    const set = (times: string) =>
      server().sql(`UPDATE neptun_user SET ${times} WHERE id = $1`, [me]);
    const created = '2020-02-29T10:00:00.120Z';
    const changed = '2021-12-31T23:59:59.999Z';
    await set(`created_at = '${created}', updated_at = '${changed}'`);
    expect(await ask()).toEqual({ createdAt: created, updatedAt: changed });
    await set("updated_at = 'infinity'");
    expect(await ask()).toEqual({ createdAt: created, updatedAt: created });
    await set("created_at = '-infinity'");
    const epoch = '1970-01-01T00:00:00.000Z';
    expect(await ask()).toEqual({ createdAt: epoch, updatedAt: epoch });
  });

  test('returns 1,000 installations completely, the same each time and over REST', async () => {
    const me = await server().addUser([], 'much 😀');
    await server().addInstallations(me, 1000);
    const rest = await server().rest(me);
    const text = await rest.text();
    const query = `{ viewer { installations { ${INSTALLATION} } } }`;
    const answers = [];
    for (let time = 0; time < 4; time++) {
      const response = await server().graphql({ query }, { as: me });
      const text = await response.text();
      expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
      answers.push(text);
    }
    expect(new Set(answers).size).toBe(1);
    const again = await server().rest(me);
    expect(await again.text()).toBe(text);
    expect(again.headers.get('etag')).toBe(rest.headers.get('etag'));
    expect(rest.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
    expect(rest.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const { installations } = JSON.parse(answers[0] as string).data.viewer;
    expect(installations).toHaveLength(1000);
    expect(installations.map((item: { id: string }) => Number(item.id))).toEqual(
      JSON.parse(text).map((item: { id: number }) => item.id),
    );
    expect(installations[999]).toMatchObject({ neptunUserId: me, githubInstallationId: '1000' });
  });

  test('answers UNAUTHENTICATED, with HTTP 200 and null, without a session', async () => {
    const response = await server().graphql({ query: '{ viewer { id } user(id: "x") { id } }' });
    expect(response.status).toBe(200);
    const { data, errors } = await json(response);
    expect(data).toEqual({ viewer: null, user: null });
    expect(errors.map((error: { extensions: unknown }) => error.extensions)).toEqual([
      { code: 'UNAUTHENTICATED' },
      { code: 'UNAUTHENTICATED' },
    ]);
  });

  test('returns the same response for another user and for a missing one', async () => {
    const me = await server().addUser();
    const other = await server().addUser(['1']);
    const query = 'query ($id: ID!) { user(id: $id) { id installations { id } } }';
    const [foreign, missing] = await Promise.all(
      [other, `user-${'0'.repeat(other.length - 5)}`].map(async (id) => {
        const response = await server().graphql({ query, variables: { id } }, { as: me });
        return response.text();
      }),
    );
    expect(foreign).toBe(missing);
    expect(JSON.parse(foreign as string)).toMatchObject({
      data: { user: null },
      errors: [NOT_FOUND],
    });
  });

  test('answers NOT_FOUND to the session of a deleted user', async () => {
    const response = await server().graphql({ query: '{ viewer { id } }' }, { as: 'gone' });
    expect(await json(response)).toMatchObject({ data: { viewer: null }, errors: [NOT_FOUND] });
  });

  test.each(['\0', 'a\ud800', ' 1 ', 'x'.repeat(10_000)])(
    'answers NOT_FOUND to an impossible id',
    async (id) => {
      const me = await server().addUser();
      const query = 'query ($id: ID!) { user(id: $id) { id } }';
      const response = await server().graphql({ query, variables: { id } }, { as: me });
      expect(await json(response)).toMatchObject({ data: { user: null }, errors: [NOT_FOUND] });
    },
  );

  test('returns a result for each alias', async () => {
    const me = await server().addUser(['3']);
    const other = await server().addUser(['4']);
    const response = await server().graphql(
      {
        query: `{
          mine: user(id: "${me}") { ...Ids }
          theirs: user(id: "${other}") { ...Ids }
          again: viewer { ...Ids }
        }
        fragment Ids on User { id installations { githubInstallationId } }`,
      },
      { as: me },
    );
    const mine = { id: me, installations: [{ githubInstallationId: '3' }] };
    expect(await json(response)).toMatchObject({
      data: { mine, theirs: null, again: mine },
      errors: [{ path: ['theirs'], extensions: { code: 'NOT_FOUND' } }],
    });
  });

  test('answers BAD_USER_INPUT and names the invalid argument', async () => {
    const query = 'query ($id: ID = "x") { user(id: $id) { id } }';
    const { errors } = await json(await server().graphql({ query, variables: { id: null } }));
    expect(errors[0]).toMatchObject({
      message: expect.stringContaining('"id"'),
      extensions: { code: 'BAD_USER_INPUT' },
    });
  });

  test('refuses a document of thousands of tokens with 400', async () => {
    const query = `{ ${'viewer { id } '.repeat(1_000)} }`;
    expect((await server().graphql({ query })).status).toBe(400);
  });

  test('refuses a malformed request with 400 and a code', async () => {
    for (const [body, code] of [
      [{ query: '{ nope }' }, 'GRAPHQL_VALIDATION_FAILED'],
      [{ query: '{' }, 'GRAPHQL_PARSE_FAILED'],
      [{}, 'BAD_REQUEST'],
      [[{ query: '{ viewer { id } }' }], 'BAD_REQUEST'],
      [{ query: 'query ($id: ID!) { user(id: $id) { id } }' }, 'BAD_USER_INPUT'],
    ] as const) {
      const response = await server().graphql(body);
      expect(response.status).toBe(400);
      expect((await json(response)).errors[0].extensions.code).toBe(code);
    }
    const broken = await server().graphql({}, { body: '{"query":' });
    expect([broken.status, (await json(broken)).errors[0].extensions.code]).toEqual([
      400,
      'BAD_REQUEST',
    ]);
  });

  test('answers GET only with a header that requires a preflight', async () => {
    const me = await server().addUser();
    const url = `${server().url}/graphql?query={viewer{id}}`;
    expect((await fetch(url)).status).toBe(400);
    const response = await server().graphql({}, { as: me });
    expect(response.status).toBe(400);
    const allowed = await fetch(url, { headers: { 'apollo-require-preflight': 'true' } });
    expect(allowed.status).toBe(200);
  });

  test.each<[Record<string, string>, number]>([
    [{ 'sec-fetch-site': 'same-origin' }, 200],
    [{ 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' }, 200],
    [{ 'sec-fetch-site': 'cross-site', origin: ORIGIN }, 200],
    [{ origin: ORIGIN }, 200],
    [{ 'sec-fetch-site': 'same-site' }, 400],
    [{ 'sec-fetch-site': 'cross-site' }, 400],
    [{ 'sec-fetch-site': 'none' }, 400],
    [{ 'sec-fetch-site': 'Same-Origin' }, 400],
    [{ 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 400],
    [{ origin: 'null' }, 400],
    [{ origin: '' }, 400],
    [{ referer: `${ORIGIN}/` }, 400],
  ])(
    'answers GET to a page of its own or an allowed origin only: %j, %i',
    async (headers, status) => {
      const me = await server().addUser();
      const search = new URLSearchParams({ query: '{ viewer { id } }', variables: '{}' });
      for (const path of ['/graphql', '/graphql/']) {
        const answer = await fetch(`${server().url}${path}?${search}`, {
          headers: { ...headers, cookie: await cookieOf(me) },
        });
        const { data, errors } = await json(answer);
        expect([answer.status, data]).toEqual([
          status,
          status === 200 ? { viewer: { id: me } } : undefined,
        ]);
        if (errors) expect(errors[0].message).toContain('POST');
      }
    },
  );

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'refuses a posted form of any origin: %s',
    async (type) => {
      for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { origin: ORIGIN }]) {
        const answer = await server().graphql(
          { query: '{ __typename }' },
          { headers: { ...headers, 'content-type': type } },
        );
        expect([400, 415]).toContain(answer.status);
        expect((await json(answer)).data).toBeUndefined();
      }
    },
  );

  test('negotiates an answer that nobody else serves: 406', async () => {
    const headers = { accept: 'text/html' };
    const answer = await server().graphql({ query: '{ __typename }' }, { headers });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      406,
      'application/json; charset=utf-8',
    ]);
  });

  test('says nothing in the terms of Apollo Server', async () => {
    const messages = [];
    for (const [body, init] of [
      [[{ query: '{ __typename }' }], {}],
      [{}, {}],
      [{ variables: {} }, {}],
      [{ query: { kind: 'Document' } }, {}],
      [{ query: '{ __typename }' }, { headers: { accept: 'text/css' } }],
      [{ query: '{ __typename }' }, { headers: { 'content-type': 'text/plain' } }],
      [{ query: '{ a', variables: [] }, {}],
      [{ query: '{ __typename }', operationName: 'x' }, {}],
    ] as const) {
      const { errors } = await json(await server().graphql(body, init));
      messages.push(errors[0].message);
    }
    for (const message of messages) {
      expect(message).toMatch(/./);
      expect(message).not.toMatch(/apollo(?!-require-preflight)|persistedQuery|CSRF/i);
    }
  });

  test('refuses other methods with Allow, and sends private responses', async () => {
    const response = await fetch(`${server().url}/graphql`, { method: 'PUT' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, POST']);
    const answer = await server().graphql({ query: '{ viewer { id } }' });
    expect(answer.headers.get('cache-control')).toBe('private, no-store');
    expect(answer.headers.get('vary')).toMatch(/\bCookie\b/);
  });
});
