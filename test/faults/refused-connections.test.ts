import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { cli, type Served, type Started, serve, startServing, until } from '../cli/process.js';
import { createCluster, findPostgres, type PostgresCluster } from '../helpers/postgres-cluster.js';
import { json, UNLIMITED } from '../helpers/server.js';
import { errorResponse, type FakePostgres, message, startFakePostgres } from './fake-postgres.js';
import { addCallers, type Caller, rest } from './load.js';

const HBA = ['host all postgres 127.0.0.1/32 trust', 'host all all 127.0.0.1/32'];

let cluster: PostgresCluster;
let admin: pg.Client;
let fake: FakePostgres;
let env: { DATABASE_URL: string };
let hbaFile: string;

beforeAll(async () => {
  cluster = await createCluster(findPostgres() as string);
  admin = new pg.Client({ connectionString: cluster.url });
  await admin.connect();
  await admin.query('CREATE ROLE app LOGIN');
  await admin.query('CREATE DATABASE app OWNER app');
  hbaFile = (await admin.query('SHOW hba_file')).rows[0].hba_file;
  const url = new URL(cluster.url);
  url.username = 'app';
  url.pathname = 'app';
  fake = await startFakePostgres(url.href);
  env = { DATABASE_URL: fake.url };
});
afterAll(async () => {
  await fake?.close();
  await admin?.end();
  await cluster?.remove();
});

const sql = (text: string) => async () => {
  await admin.query(text);
  await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
};
const authenticateBy = (method: string) => async () => {
  // COPY writes one row a line.
  const lines = [HBA[0], `${HBA[1]} ${method}`].map((line) => pg.escapeLiteral(String(line)));
  const rows = `SELECT unnest(ARRAY[${lines.join(', ')}])`;
  await admin.query(`COPY (${rows}) TO ${pg.escapeLiteral(hbaFile)}`);
  await admin.query('SELECT pg_reload_conf()');
  await sleep(200);
  await sql('SELECT 1')();
};
const answer =
  (bytes: string | Buffer, end = true) =>
  async () =>
    fake.set((socket) => (end ? socket.end(bytes) : socket.write(bytes)));
const passOn = async () => fake.set(null);

/** Its name, how it comes, how it goes, and what `/ready` says meanwhile. */
type Way = [string, () => Promise<void>, () => Promise<void>, RegExp];
const refusedBy = (text: string) => new RegExp(`^the database refuses connections: .*${text}`);
const unreachable = (text: string) => new RegExp(`^the database cannot be reached: .*${text}`);

const WAYS: Way[] = [
  [
    'a role that may not log in',
    sql('ALTER ROLE app NOLOGIN'),
    sql('ALTER ROLE app LOGIN'),
    refusedBy('28000'),
  ],
  [
    'a role without connections',
    sql('ALTER ROLE app CONNECTION LIMIT 0'),
    sql('ALTER ROLE app CONNECTION LIMIT -1'),
    refusedBy('too many connections .SQLSTATE 53300'),
  ],
  [
    'a database that allows none',
    sql('ALTER DATABASE app ALLOW_CONNECTIONS false'),
    sql('ALTER DATABASE app ALLOW_CONNECTIONS true'),
    refusedBy('55000'),
  ],
  [
    'a right to connect that is revoked',
    sql('REVOKE CONNECT ON DATABASE app FROM PUBLIC, app'),
    sql('GRANT CONNECT ON DATABASE app TO app'),
    refusedBy('42501'),
  ],
  ['a rule that rejects', authenticateBy('reject'), authenticateBy('trust'), refusedBy('28000')],
  [
    'a password that is asked for',
    authenticateBy('scram-sha-256'),
    authenticateBy('trust'),
    unreachable('password must be a string'),
  ],
  [
    'an unknown way to authenticate',
    answer(message('R', Buffer.from([0, 0, 0, 7]))),
    passOn,
    unreachable('Unknown authenticationOk message'),
  ],
  ...['28P01', '08P01', 'XX000', '58000', '0A000', '22023', '26000', '40001', '57014', 'ZZ999'].map(
    (state): Way => [`SQLSTATE ${state}`, answer(errorResponse(state)), passOn, refusedBy(state)],
  ),
  [
    'a pooler that wants a primary',
    answer(errorResponse('25006')),
    passOn,
    refusedBy('it is read-only .SQLSTATE 25006'),
  ],
  [
    'an error without SQLSTATE',
    answer(message('E', Buffer.from('Msecret\0\0'))),
    passOn,
    unreachable('without a SQLSTATE'),
  ],
  [
    'an error, and an open connection',
    answer(errorResponse('53300'), false),
    passOn,
    refusedBy('53300'),
  ],
  ['an end', answer(''), passOn, unreachable('terminated')],
  [
    'another protocol',
    answer('HTTP/1.1 400 Bad Request\r\n\r\n'),
    passOn,
    unreachable('no PostgreSQL'),
  ],
  ['silence', answer('', false), passOn, unreachable('no answer in time')],
  // Last, as the new name ends the connections of the fake's target for a while.
  [
    'a database of another name',
    renameDatabase('app', 'away'),
    renameDatabase('away', 'app'),
    refusedBy('no such database .SQLSTATE 3D000'),
  ],
];

function renameDatabase(from: string, to: string) {
  return async () => {
    await admin.query(`ALTER DATABASE ${from} ALLOW_CONNECTIONS false`);
    await sql('SELECT 1')();
    await until(() =>
      admin.query(`ALTER DATABASE ${from} RENAME TO ${to}`).then(
        () => true,
        () => false,
      ),
    );
    await admin.query(`ALTER DATABASE ${to} ALLOW_CONNECTIONS true`);
  };
}

async function ready(url: string) {
  const response = await fetch(`${url}/ready`);
  return { status: response.status, ...(await json(response)) };
}

const linesOf = (server: Started, from: number) =>
  server
    .stdout()
    .slice(from)
    .split('\n')
    .filter((line) => /^{.*}$/.test(line))
    .map((line) => JSON.parse(line));

describe('While the server runs', () => {
  let server: Served;
  let callers: Caller[];
  beforeAll(async () => {
    server = await serve({ ...env, ...UNLIMITED, LOG_LEVEL: 'info' });
    callers = await addCallers(env.DATABASE_URL, 3);
  });
  afterAll(async () => {
    expect(await server.stop('SIGINT')).toBe(0);
  });

  test.each(WAYS)(
    '%s is 503 until it ends, with its reason logged once',
    async (_name, begin, end, reason) => {
      const from = server.stdout().length;
      const read = () => rest(server.url, callers[0] as Caller);
      await begin();
      await until(async () => (await read()).status !== 200);
      for (const caller of callers) {
        const { status, retryAfter, body } = await rest(server.url, caller);
        expect([status, retryAfter]).toEqual([503, '2']);
        expect(body).not.toContain('secret');
      }
      expect(await ready(server.url)).toEqual({
        status: 503,
        ready: false,
        database: false,
        migrations: true,
        serving: true,
        reason: expect.stringMatching(reason),
      });
      expect((await fetch(`${server.url}/live`)).status).toBe(200);
      await end();
      await until(async () => (await ready(server.url)).status === 200);
      expect((await read()).status).toBe(200);
      await until(() => linesOf(server, from).some(({ msg }) => /well again/.test(msg)));
      const warnings = linesOf(server, from).filter(({ level }) => level >= 40);
      expect(warnings.filter(({ msg }) => reason.test(msg))).toHaveLength(1);
      expect(new Set(warnings.map(({ msg }) => msg)).size).toBe(warnings.length);
    },
    30_000,
  );
});

describe('At the start', () => {
  test.each(
    WAYS.filter(([name]) => /log in|allows none|28P01|XX000|other protocol|asked for/.test(name)),
  )(
    '%s is waited for with the port open',
    async (_name, begin, end, reason) => {
      await begin();
      const server = startServing({ ...env, ...UNLIMITED, LOG_LEVEL: 'info' });
      const [, url = ''] = await server.printed(/Server listening at (http:[^"]+)/);
      expect((await fetch(`${url}/live`)).status).toBe(200);
      expect(await ready(url)).toMatchObject({
        status: 503,
        database: false,
        reason: expect.stringMatching(reason),
      });
      const migrated = await cli(['migrate'], env);
      expect([migrated.code, migrated.stderr.split('\n')]).toEqual([1, [expect.any(String), '']]);
      await end();
      await server.printed(/ready at/);
      await until(async () => (await ready(url)).status === 200);
      const reported = linesOf(server, 0).filter(({ msg }) => reason.test(msg));
      expect(reported).toHaveLength(1);
      expect(await server.stop('SIGINT')).toBe(0);
    },
    30_000,
  );

  test('a server without TLS, where it is required, is waited for', async () => {
    const server = startServing({ DATABASE_URL: `${env.DATABASE_URL}?sslmode=require` });
    const [, url = ''] = await server.printed(/Server listening at (http:[^"]+)/);
    expect((await ready(url)).reason).toMatch(unreachable('does not support SSL'));
    expect(await server.stop('SIGINT')).toBe(0);
  });
});
