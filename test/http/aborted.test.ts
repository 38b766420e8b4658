import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type AnsweredRequest, requests } from '../../src/observability/events.js';
import { until } from '../cli/process.js';
import { createDatabase, describeOnPostgres } from '../helpers/databases.js';
import { exchange } from '../helpers/raw-http.js';
import { cookieOf, startTestServer, useServer } from '../helpers/server.js';

const REST = '/api/users/:userId/installations';

describeOnPostgres('Each request has one line', () => {
  const server = useServer('PostgreSQL');
  let seen: AnsweredRequest[] = [];
  const see = (request: AnsweredRequest) => seen.push(request);
  beforeEach(() => {
    seen = [];
    requests.subscribe(see);
  });
  afterEach(() => requests.unsubscribe(see));

  /** Nothing more may come afterwards. */
  async function expectOnly(...expected: Partial<AnsweredRequest>[]): Promise<void> {
    await until(() => seen.length >= expected.length);
    await fetch(`${server().url}/openapi.json`);
    await until(() => seen.some(({ route }) => route === '/openapi.json'));
    expect(seen.filter(({ route }) => route !== '/openapi.json')).toEqual(
      expected.map((request) => expect.objectContaining(request)),
    );
  }

  async function send(bytes: string, { url } = server()): Promise<Socket> {
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(bytes);
    return socket;
  }

  const get = async (user: string) =>
    `GET /api/users/${user}/installations HTTP/1.1\r\nHost: localhost\r\nCookie: ${await cookieOf(user)}\r\n\r\n`;

  const waiting = async () =>
    (
      await server().sql<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_locks JOIN pg_database d ON d.oid = database
         WHERE NOT granted AND datname = current_database()`,
      )
    )[0]?.n;

  test('whose client leaves while the body is read', async () => {
    const socket = await send(
      'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
    );
    setTimeout(() => socket.destroy(), 100);
    await expectOnly({ method: 'POST', route: '/graphql', status: 499 });
  });

  test('whose client leaves while the database works, pipelined requests too', async () => {
    const user = await server().addUser();
    const lock = server().database.dataSource.createQueryRunner();
    await lock.query('BEGIN');
    await lock.query('LOCK TABLE neptun_user');
    const socket = await send((await get(user)).repeat(3));
    await until(waiting);
    socket.destroy();
    await until(() => seen.length === 3);
    await lock.query('COMMIT');
    await lock.release();
    await expectOnly(...[1, 2, 3].map(() => ({ method: 'GET', route: REST, status: 499 })));
  });

  test('whose client leaves while it is held at the end of the port', async () => {
    let arrived = 0;
    const count = () => {
      arrived++;
    };
    subscribe('http.server.request.start', count);
    const database = await createDatabase('PostgreSQL');
    const ending = await startTestServer(database);
    await ending.ready;
    const sockets = await Promise.all(Array.from({ length: 40 }, () => send('', ending)));
    const end = ending.close();
    for (const socket of sockets) {
      const request = 'GET /api/users/x/installations HTTP/1.1\r\nHost: localhost\r\n\r\n';
      socket.on('error', () => {}).write(request.repeat(2));
      await sleep(3);
      socket.resetAndDestroy();
    }
    await end;
    unsubscribe('http.server.request.start', count);
    expect(arrived).toBeGreaterThan(0);
    await until(() => seen.length === arrived);
    await database.remove();
  });

  test('whose client leaves while a large answer is sent', async () => {
    const user = await server().addUser();
    await server().addInstallations(user, 30_000);
    // More than the socket's buffers take.
    const socket = await send((await get(user)).repeat(6));
    await once(socket, 'data');
    socket.destroy();
    await until(() => seen.length >= 6);
    await expectOnly(...seen.map(({ status }) => ({ method: 'GET', route: REST, status })));
    expect(seen.filter(({ route }) => route === REST)).toHaveLength(6);
    expect(seen).toContainEqual(expect.objectContaining({ route: REST, status: 499 }));
  });

  test.each([
    [400, 'GET / HTTP/1.1\r\nHost: localhost\r\n broken\x00\r\n\r\n'],
    [431, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    [414, `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
  ])('that the parser refuses with %i', async (status, bytes) => {
    expect(await exchange(server().url, bytes, 5_000)).toContain(`HTTP/1.1 ${status} `);
    await expectOnly({ method: null, route: null, status, milliseconds: null });
  });

  test('whose body is invalid to the parser', async () => {
    const bytes =
      'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n';
    expect(await exchange(server().url, bytes, 5_000)).toContain('HTTP/1.1 400 ');
    await expectOnly({ method: 'POST', route: '/graphql', status: 400 });
  });
});
