import { expect, test } from '@jest/globals';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { cookieOf, json, useServer } from '../helpers/server.js';

const NOT_FOUND =
  '{"statusCode":404,"statusMessage":"Not Found","data":{"message":"User not found"}}';
const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describeOnEachDatabase('GET /api/users/{user_id}/installations', (kind) => {
  const server = useServer(kind);

  test('answers the installations in the documented shape, ordered by id', async () => {
    const userId = await server().addUser(['98765432101', '12']);
    const response = await server().rest(userId);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const items = (await response.json()) as { id: number }[];
    expect(items).toEqual(
      ['98765432101', '12'].map((githubId) => ({
        id: expect.any(Number),
        neptun_user_id: userId,
        github_installation_id: githubId,
        created_at: INSTANT,
        updated_at: INSTANT,
      })),
    );
    expect(items[0]?.id).toBeLessThan(items[1]?.id as number);
    expect(Object.keys(items[0] as object)).toEqual([
      'id',
      'neptun_user_id',
      'github_installation_id',
      'created_at',
      'updated_at',
    ]);
  });

  test('writes the JSON that JSON.stringify would write', async () => {
    const userId = await server().addUser(
      ['1', '2'],
      `quote " back \\ tab \t é 😀 ${Math.random()}`,
    );
    const text = await (await server().rest(userId)).text();
    expect(text).toBe(JSON.stringify(JSON.parse(text)));
    expect(JSON.parse(text)[0].neptun_user_id).toBe(userId);
  });

  test('answers an empty array to a user without installations', async () => {
    const userId = await server().addUser();
    expect(await (await server().rest(userId)).text()).toBe('[]');
  });

  test('leaves no row out for a time that is infinite', async () => {
    const userId = await server().addUser(['5', '6']);
    await server().sql(
      `UPDATE github_app_installation SET updated_at = 'infinity', created_at = '-infinity'
       WHERE neptun_user_id = $1 AND github_installation_id = 5`,
      [userId],
    );
    const items = await json(await server().rest(userId));
    expect(items).toMatchObject([{ updated_at: INSTANT, created_at: INSTANT }, {}]);
  });

  test('sees a row as soon as it is committed', async () => {
    const userId = await server().addUser();
    await server().rest(userId);
    await server().sql(
      'INSERT INTO github_app_installation (neptun_user_id, github_installation_id) VALUES ($1, 7)',
      [userId],
    );
    expect(await (await server().rest(userId)).json()).toHaveLength(1);
  });

  test('answers 401 without a session, and says what to do', async () => {
    const userId = await server().addUser();
    const response = await server().rest(userId, { as: null });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(
      'Cookie realm="installations", cookie-name="neptun-session"',
    );
    expect(await response.json()).toEqual({
      statusCode: 401,
      statusMessage: 'Unauthorized',
      data: { message: expect.stringContaining('neptun-session') },
    });
  });

  test('answers the documented 404, byte for byte, to a stranger’s id and to a missing one', async () => {
    const me = await server().addUser();
    const stranger = await server().addUser(['1']);
    const gone = `gone-${me}`;
    for (const [userId, as] of [
      [stranger, me],
      ['no-such-user', me],
      [gone, gone],
    ] as const) {
      const response = await server().rest(userId, { as });
      expect([response.status, await response.text()]).toEqual([404, NOT_FOUND]);
    }
  });

  test.each([
    ['NUL', '%00'],
    ['NUL inside', 'a%00b'],
    ['a lone surrogate', '%ED%A0%80'],
    ['broken percent-encoding', '%E0%A4'],
    ['10,000 characters', 'x'.repeat(10_000)],
    ['a number with spaces', '%201%20'],
  ])('answers 404 to an impossible id: %s', async (_name, path) => {
    const cookie = await cookieOf(await server().addUser());
    const response = await fetch(`${server().url}/api/users/${path}/installations`, {
      headers: { cookie },
    });
    expect([response.status, await response.text()]).toEqual([404, NOT_FOUND]);
  });

  test('takes further slashes, and an empty id for another one', async () => {
    const userId = await server().addUser(['5']);
    const headers = { cookie: await cookieOf(userId) };
    const ask = (path: string, init = {}) => fetch(server().url + path, { headers, ...init });
    const path = `/api/users/${userId}/installations`;
    const plain = await (await ask(path)).text();
    for (const variant of [
      `${path}/`,
      `/${path}`,
      `${path}/?x=1`,
      path.replace('users', '/users'),
    ]) {
      const answer = await ask(variant);
      expect([variant, answer.status, await answer.text()]).toEqual([variant, 200, plain]);
    }
    const empty = await ask('/api/users//installations');
    expect([empty.status, await empty.text()]).toEqual([404, NOT_FOUND]);
    const anonymous = await ask('/api/users//installations', { headers: {} });
    expect(anonymous.status).toBe(401);
  });

  test('answers 414 where the URL does not fit HTTP', async () => {
    const response = await fetch(
      `${server().url}/api/users/${'%C3%A9'.repeat(10_000)}/installations`,
    );
    expect(response.status).toBe(414);
    expect(await response.json()).toMatchObject({ statusCode: 414, statusMessage: 'URI Too Long' });
  });

  test.each(['a\0b', 'a\ud800', 'y'.repeat(3_000)])(
    'answers 404 even to a session with an impossible id',
    async (userId) => {
      const cookie = await cookieOf(userId);
      const response = await fetch(
        `${server().url}/api/users/${encodeURIComponent(userId.toWellFormed())}/installations`,
        { headers: { cookie } },
      );
      expect(response.status).toBe(404);
    },
  );

  test('keeps every answer that depends on the session out of shared caches', async () => {
    const userId = await server().addUser();
    for (const as of [userId, null, await server().addUser()]) {
      const { headers } = await server().rest(userId, { as });
      expect(headers.get('cache-control')).toMatch(/^private, no-(cache|store)$/);
      expect(headers.get('vary')).toMatch(/\bCookie\b/);
    }
  });

  test('answers 304 to the ETag of the same content, and 200 after a change', async () => {
    const userId = await server().addUser(['5']);
    const etag = (await server().rest(userId)).headers.get('etag') as string;
    expect(etag).toMatch(/^"[^"]+"$/);
    for (const ifNoneMatch of [etag, `"other", W/${etag}`, '*']) {
      const again = await server().rest(userId, { headers: { 'if-none-match': ifNoneMatch } });
      expect([again.status, await again.text()]).toEqual([304, '']);
      expect(again.headers.get('etag')).toBe(etag);
      const headers = { 'if-none-match': ifNoneMatch };
      const head = await server().rest(userId, { method: 'HEAD', headers });
      expect([head.status, head.headers.get('content-length')]).toEqual([304, null]);
    }
    for (const suffix of ['-gzip', '-br', '--gzip', ';gzip', '-zstd', ':deflate', ';br;gzip']) {
      for (const weak of ['', 'W/']) {
        const compressed = `${weak}${etag.slice(0, -1)}${suffix}"`;
        const again = await server().rest(userId, { headers: { 'if-none-match': compressed } });
        expect([compressed, again.status]).toEqual([compressed, 304]);
        expect(again.headers.get('etag')).toBe(etag);
      }
    }
    for (const other of ['"other-gzip"', `${etag.slice(0, -1)}-2"`, `"x${etag.slice(1)}`, 'gzip']) {
      const again = await server().rest(userId, { headers: { 'if-none-match': other } });
      expect([other, again.status]).toEqual([other, 200]);
    }
    await server().sql('DELETE FROM github_app_installation WHERE neptun_user_id = $1', [userId]);
    const changed = await server().rest(userId, { headers: { 'if-none-match': etag } });
    expect(changed.status).toBe(200);
  });

  test('answers very many installations with the same headers and bytes each time', async () => {
    const userId = await server().addUser([], 'é😀"very many');
    await server().addInstallations(userId, 1000);
    const ask = async (init: RequestInit = {}) => {
      const response = await server().rest(userId, init);
      const [type, length, etag] = ['content-type', 'content-length', 'etag'].map((name) =>
        response.headers.get(name),
      );
      return { status: response.status, type, length, etag, text: await response.text() };
    };
    const first = await ask();
    expect(first).toMatchObject({ status: 200, type: 'application/json; charset=utf-8' });
    expect(first.length).toBe(String(Buffer.byteLength(first.text)));
    expect(JSON.parse(first.text)[999]).toMatchObject({ neptun_user_id: userId });
    expect([await ask(), await ask()]).toEqual([first, first]);
    expect(await ask({ method: 'HEAD' })).toEqual({ ...first, text: '' });
    const headers = { 'if-none-match': first.etag as string };
    expect(await ask({ headers })).toMatchObject({ status: 304, etag: first.etag, text: '' });
  });

  test('answers HEAD as GET without the body, OPTIONS and other methods with Allow', async () => {
    const userId = await server().addUser(['5']);
    const get = await server().rest(userId);
    const head = await server().rest(userId, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(head.headers.get('etag')).toBe(get.headers.get('etag'));
    expect(head.headers.get('content-length')).toBe(String((await get.text()).length));
    const options = await server().rest(userId, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS']);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'PROPFIND']) {
      const response = await server().rest(userId, { method });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
      expect(await response.json()).toMatchObject({ statusCode: 405 });
    }
    for (const type of ['application/json', 'text/nonsense']) {
      const headers = { 'content-type': type };
      const response = await server().rest(userId, { method: 'POST', body: '{bad', headers });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
    }
  });

  test('answers an unknown route with 404 in the documented shape', async () => {
    const response = await fetch(`${server().url}/api/nothing`);
    expect(await response.json()).toMatchObject({ statusCode: 404, statusMessage: 'Not Found' });
  });

  test('gives each answer the id of its request', async () => {
    const response = await server().rest('x', { headers: { 'x-request-id': 'abc-1' } });
    expect(response.headers.get('x-request-id')).toBe('abc-1');
    const other = await server().rest('x', { headers: { 'x-request-id': 'not\tacceptable' } });
    expect(other.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
  });
});
