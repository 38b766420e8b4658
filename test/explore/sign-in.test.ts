import { describe, expect, test } from '@jest/globals';
import { describeOnPostgres } from '../helpers/databases.js';
import { exchange, statusesOf } from '../helpers/raw-http.js';
import { json, type TestServer, useServer } from '../helpers/server.js';

/** A server as `npm start` makes it: with a generated password. */
const DEVELOPMENT = { NODE_ENV: 'development', SESSION_PASSWORD: '' };
const HTML = 'Accept: text/html,application/xhtml+xml\r\n';

const portOf = (server: TestServer) => new URL(server.url).port;
const get = (server: TestServer, path: string, host: string, headers = '') =>
  exchange(server.url, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n`, 1_000);
const headerOf = (answer: string, name: string) =>
  new RegExp(`^${name}: ([^\r]*)\r$`, 'im').exec(answer)?.[1];
const signIn = (server: TestServer, user: string) =>
  fetch(`${server.url}/dev/sign-in?user=${encodeURIComponent(user)}`, { redirect: 'manual' });
const rowsOf = async (server: TestServer, user: string, response: Response) => {
  const [cookie = ''] = response.headers.getSetCookie();
  return json(await server.rest(user, { as: null, headers: { cookie } }));
};

describe('A development server', () => {
  const server = useServer('PGlite', DEVELOPMENT);

  describe('The demo sign-in', () => {
    test.each(['127.0.0.1', 'localhost', 'LocalHost', '[::1]', '127.1.2.3'])(
      'answers %s, with and without a port',
      async (name) => {
        for (const host of [name, `${name}:${portOf(server())}`]) {
          const answer = await get(server(), '/dev/sign-in', host);
          expect(statusesOf(answer)).toEqual([302]);
          expect(headerOf(answer, 'set-cookie')).toMatch(/^neptun-session=Fe26\.2\*/);
        }
      },
    );

    test.each([
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'evil-localhost',
      '192.168.0.1',
      '0.0.0.0',
      '[::2]',
      '[::ffff:127.0.0.1]',
      '1270.0.0.1',
    ])('refuses %s, whatever a proxy says', async (name) => {
      for (const path of ['/dev/sign-in', '/dev/sign-in?user=user123', '/dev/sign-out']) {
        for (const host of [name, `${name}:${portOf(server())}`]) {
          const forwarded = 'X-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\n';
          const answer = await get(server(), path, host, forwarded);
          expect([path, host, statusesOf(answer)]).toEqual([path, host, [403]]);
          expect(headerOf(answer, 'set-cookie')).toBeUndefined();
        }
      }
    });

    test.each([
      ['none', 302],
      ['same-origin', 302],
      ['same-site', 403],
      ['cross-site', 403],
    ])('follows a link of its own pages alone: Sec-Fetch-Site %s, %i', async (site, status) => {
      const host = `127.0.0.1:${portOf(server())}`;
      for (const path of ['/dev/sign-in', '/dev/sign-out']) {
        const answer = await get(server(), path, host, `Sec-Fetch-Site: ${site}\r\n`);
        expect(statusesOf(answer)).toEqual([status]);
        expect(headerOf(answer, 'set-cookie') !== undefined).toBe(status === 302);
      }
    });

    test.each([
      ['user123', 3],
      ['user-with-none', 0],
      ['user-with-many', 1_000],
    ])('signs in as %s, who has %i installations', async (user, count) => {
      const response = await signIn(server(), user);
      expect([response.status, response.headers.get('location')]).toEqual([302, '/']);
      expect(await rowsOf(server(), user, response)).toHaveLength(count);
    });

    test('signs in as any user of the embedded database, whatever the id', async () => {
      for (const id of ['one of the tests', 'ü€😀', '"<b>&', '%2e', 'a\u0001b']) {
        const user = await server().addUser(['77'], id);
        const response = await signIn(server(), user);
        expect(await rowsOf(server(), user, response)).toMatchObject([{ neptun_user_id: id }]);
      }
    });

    test('refuses an id that no cookie can hold, and none', async () => {
      for (const user of ['', 'x'.repeat(513)]) {
        const response = await signIn(server(), user);
        expect([response.status, response.headers.getSetCookie()]).toEqual([400, []]);
      }
      const twice = await fetch(`${server().url}/dev/sign-in?user=a&user=b`, {
        redirect: 'manual',
      });
      expect(twice.status).toBe(400);
    });

    test('signs out', async () => {
      const response = await fetch(`${server().url}/dev/sign-out`, { redirect: 'manual' });
      expect([response.status, response.headers.get('location')]).toEqual([302, '/']);
      expect(response.headers.getSetCookie()).toEqual([
        'neptun-session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0',
      ]);
    });
  });

  describe('A browser that comes by another name of this machine', () => {
    const PATHS = [
      '/',
      '/graphql',
      '/graphiql/',
      '/dev/sign-in',
      '/api/users/user123/installations',
    ];

    test.each(['localhost', '[::1]', '127.0.0.2'])(
      'as %s goes on to the printed one',
      async (name) => {
        for (const path of PATHS) {
          const answer = await get(server(), path, `${name}:${portOf(server())}`, HTML);
          expect(statusesOf(answer)).toEqual([302]);
          expect(headerOf(answer, 'location')).toBe(server().url + path);
          expect(headerOf(answer, 'set-cookie')).toBeUndefined();
        }
      },
    );

    test.each(['//graphql', '//evil.example/', '//@evil.example', '/\\evil.example'])(
      'goes on to the same path there, and to no other host: %s',
      async (target) => {
        const answer = await get(server(), target, `localhost:${portOf(server())}`, HTML);
        expect(headerOf(answer, 'location')).toBe(server().url + target);
      },
    );

    test.each(['http://evil.example/', 'http://localhost/'])(
      'stays where it asks for a whole URL: %s',
      async (target) => {
        const answer = await get(server(), target, `localhost:${portOf(server())}`, HTML);
        expect(statusesOf(answer)).toEqual([200]);
        expect(headerOf(answer, 'location')).toBeUndefined();
      },
    );

    test.each([
      ['Expect: x\r\n', 417],
      ['Host: a\r\n', 400],
    ])('is refused first, where its request is: %j', async (header, status) => {
      for (const path of PATHS) {
        const answer = await get(server(), path, `localhost:${portOf(server())}`, HTML + header);
        expect(statusesOf(answer)).toEqual([status]);
      }
    });

    test('stays where it has a session, and behind a forwarded port', async () => {
      const cookie = 'Cookie: neptun-session=of-the-web-application\r\n';
      for (const answer of [
        await get(server(), '/', `localhost:${portOf(server())}`, HTML + cookie),
        await get(server(), '/', 'localhost:1', HTML),
        await get(server(), '/', 'localhost', HTML),
        await get(server(), '/', `evil.example:${portOf(server())}`, HTML),
      ]) {
        expect(statusesOf(answer)).toEqual([200]);
      }
    });

    test('is no client of the API, which answers by every name', async () => {
      const answer = await get(server(), '/openapi.json', `localhost:${portOf(server())}`);
      expect(statusesOf(answer)).toEqual([200]);
    });
  });
});

describe('With a configured password', () => {
  const server = useServer('PGlite', { NODE_ENV: 'development' });

  test('only demo users sign in', async () => {
    expect((await signIn(server(), 'user-with-none')).status).toBe(302);
    const other = await signIn(server(), await server().addUser());
    expect([other.status, other.headers.getSetCookie()]).toEqual([403, []]);
  });
});

describeOnPostgres('On PostgreSQL', () => {
  const server = useServer('PostgreSQL', DEVELOPMENT);

  test('only demo users sign in, though the password is generated', async () => {
    expect((await signIn(server(), 'user123')).status).toBe(302);
    const other = await signIn(server(), await server().addUser());
    expect([other.status, other.headers.getSetCookie()]).toEqual([403, []]);
  });
});
