import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { SILENCE_TIMEOUT } from '../../src/timeouts.js';
import { type Served, serve, start } from '../cli/process.js';
import { createDatabase, describeOnPostgres, type TestDatabase } from '../helpers/databases.js';
import { cookieOf, UNLIMITED } from '../helpers/server.js';
import { size } from '../helpers/size.js';
import { pinApart, readMeanwhile } from './steady-reader.js';

const CONNECTIONS = size(40, 500);
/** Has about 450 KB of installations. */
const USER = 'somebody';
/** Has 150 KB. */
const LARGE = 'somebody with a large list';
/** Has 2 MB. */
const MANY = 'somebody with many';
/** Milliseconds. */
const DISCONNECT_TIMEOUT = 15_000;

interface SlowClient {
  /** Sent at once, then every second. */
  first: string;
  drip: string;
  /** Of all clients. */
  share: number;
  /** The start of the response; `null`: the client does not read. */
  expected: string | null;
}

const slowClients = (cookie: string): SlowClient[] => [
  { first: '', drip: '', share: 0.3, expected: '' },
  {
    first: 'GET / HTTP/1.1\r\nHost: a\r\n',
    drip: 'X: y\r\n',
    share: 0.3,
    expected: 'HTTP/1.1 408',
  },
  {
    first:
      'POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n',
    drip: ' ',
    share: 0.35,
    expected: 'HTTP/1.1 408',
  },
  { first: request(USER, cookie).repeat(PIPELINED), drip: '', share: 0.05, expected: null },
];

/** Socket buffers hold about ten responses; the server waits with the next. */
const PIPELINED = 14;

/** Reads 8 KB/s with a small window, which Node.js cannot set. Prints the ports of its connections. */
const SLOW_READERS = `
import socket, sys, time
port, count, request = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()
clients = []
for _ in range(count):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(('127.0.0.1', port))
    client.sendall(request)
    clients.append(client)
print(*[client.getsockname()[1] for client in clients], flush=True)
while True:
    time.sleep(0.25)
    for client in clients:
        try: client.recv(2048, socket.MSG_DONTWAIT)
        except OSError: pass
`;
const request = (userId: string, cookie: string) =>
  `GET /api/users/${encodeURIComponent(userId)}/installations HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\n\r\n`;

describeOnPostgres(`${CONNECTIONS} slow clients`, () => {
  let database: TestDatabase;
  let server: Served;
  let port: number;
  beforeAll(async () => {
    database = await createDatabase('PostgreSQL');
    server = await serve({ ...database.env, ...UNLIMITED });
    if (size(0, 1)) pinApart(server);
    const client = new pg.Client({ connectionString: database.env.DATABASE_URL });
    await client.connect();
    for (const [user, count] of Object.entries({ [USER]: 3_000, [LARGE]: 1_000, [MANY]: 15_000 })) {
      await client.query('INSERT INTO neptun_user VALUES ($1)', [user]);
      await client.query(
        `INSERT INTO github_app_installation (neptun_user_id, github_installation_id)
         SELECT $1, n FROM generate_series(1, $2) n`,
        [user, count],
      );
    }
    await client.end();
    port = Number(new URL(server.url).port);
  });
  afterAll(async () => {
    await server?.stop('SIGINT');
    await database?.remove();
  });

  test(`are disconnected within ${DISCONNECT_TIMEOUT} ms, while others are served`, async () => {
    const cookie = await cookieOf(USER);
    const other = { url: server.url, path: '/api/users/nobody/installations', cookie };
    const idle = await readMeanwhile(other, () => sleep(3_000));
    const clients = slowClients(cookie).flatMap((client) =>
      Array.from({ length: CONNECTIONS * client.share }, () => ({
        ...client,
        ...open(port, client),
      })),
    );
    const start = Date.now();
    await Promise.all(clients.map(({ connected }) => connected));
    // In turn, as clients do not know of each other.
    let turn = 0;
    const drips = setInterval(() => {
      for (let n = 0; n < CONNECTIONS / 100; n++) {
        const { socket, drip } = clients[turn++ % clients.length] as (typeof clients)[number];
        if (socket.writable) socket.write(drip);
      }
    }, 10);
    let most = 0;
    const ports = new Set(clients.map(({ socket }) => socket.localPort));
    const left = () => establishedConnections(port, ports);
    const busy = await readMeanwhile(other, async () => {
      do {
        most = Math.max(most, left());
        await sleep(200);
      } while (left() > 0 && Date.now() - start < DISCONNECT_TIMEOUT);
    });
    const took = Date.now() - start;
    clearInterval(drips);
    expect({ most, left: left() }).toEqual({ most: clients.length, left: 0 });
    for (const { expected, answer } of clients.filter(({ expected }) => expected !== null)) {
      expect(answer().slice(0, 12)).toBe(expected);
    }
    for (const { socket } of clients) socket.destroy();
    expect(busy.statuses).toEqual([404]);
    if (size(0, 1)) {
      console.info(`disconnected after ${took} ms; others: ${JSON.stringify({ idle, busy })}`);
    }
  }, 60_000);

  test('that read nothing of large lists are disconnected before their answers fill the memory', async () => {
    const requests = request(LARGE, await cookieOf(LARGE)).repeat(50);
    const resident = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1024;
    // The heap grows under any load, by how much depends on when it is collected: until it grows no more.
    let before = 0;
    for (let steady = 0, round = 0; steady < 5 && round < 40; round++) {
      await Promise.all(Array.from({ length: 64 }, () => readList(server.url, LARGE)));
      steady = resident() > before ? 0 : steady + 1;
      before = Math.max(before, resident());
    }
    const sockets = Array.from({ length: 64 }, () =>
      open(port, { first: requests, expected: null }),
    );
    await Promise.all(sockets.map(({ connected }) => connected));
    const clients = new Set(sockets.map(({ socket }) => socket.localPort));
    let [most, left] = [before, 64];
    for (const end = Date.now() + 60_000; left > 0 && Date.now() < end; await sleep(50)) {
      most = Math.max(most, resident());
      left = establishedConnections(port, clients);
    }
    console.info({ before, most });
    for (const { socket } of sockets) socket.destroy();
    expect(left).toBe(0);
    // 80 on an idle machine, up to 160 beside other tests; all answers together have over 400.
    expect(most - before).toBeLessThan(200);
  }, 90_000);

  test('that read without a pause, but slowly, are disconnected as well', async () => {
    const requests = request(MANY, await cookieOf(MANY)).repeat(3);
    const readers = start('python3', ['-c', SLOW_READERS, String(port), '8', requests]);
    const [, ports = ''] = await readers.printed(/^([\d ]+)\n/);
    const clients = new Set(ports.split(' ').map(Number));
    const startedAt = Date.now();
    const connected = () => establishedConnections(port, clients);
    expect(connected()).toBe(8);
    await sleep(SILENCE_TIMEOUT + 1_000);
    expect(connected()).toBe(8);
    // What the operating system takes at once is sent in the first second.
    while (connected() > 0 && Date.now() - startedAt < DISCONNECT_TIMEOUT) await sleep(100);
    expect(connected()).toBe(0);
    await readers.stop('SIGKILL');
  }, 60_000);
});

/** A machine that is busy with other tests may refuse it at first. */
async function readList(url: string, user: string): Promise<void> {
  const headers = { cookie: await cookieOf(user) };
  const path = `/api/users/${encodeURIComponent(user)}/installations`;
  let response: Response;
  do response = await fetch(url + path, { headers });
  while (response.status === 503);
  expect(await response.json()).toHaveLength(1_000);
}

function open(port: number, { first, expected }: Pick<SlowClient, 'first' | 'expected'>) {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  const connected = once(socket, 'connect');
  let answer = '';
  if (expected !== null) {
    socket.setEncoding('latin1').on('data', (text) => {
      answer += text;
    });
  }
  socket.write(first);
  return { socket, connected, answer: () => answer };
}

/** Counted in proc(5) net/tcp, as a client that does not read does not notice the end of its connection. */
function establishedConnections(port: number, clients: Set<number | undefined>): number {
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1, -1);
  const established = lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => portOf(local) === port && state === '01')
    .map(([, , remote = '']) => portOf(remote));
  // A connection may be listed twice while the table changes.
  return new Set(established.filter((remote) => clients.has(remote))).size;
}

const portOf = (address: string) => Number.parseInt(address.split(':')[1] ?? '', 16);
