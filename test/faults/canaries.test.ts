import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { defaults, seal } from 'iron-webcrypto';
import pg from 'pg';
import { SESSION_COOKIE, SESSION_HEADER } from '../../src/session/session-cookie.js';
import { type Started, startServing } from '../cli/process.js';
import { createDatabase, describeOnPostgres, type TestDatabase } from '../helpers/databases.js';

/** Marks every secret and all personal data of these tests. */
const CANARY = /canary_\w*/gi;
const PASSWORD = 'canary_password_of_32_characters_or_more';
const USER = 'canary_user@example.com';
const JSON_TYPE = { 'content-type': 'application/json' };

/** Parts of the client's own query that GraphQL errors repeat. */
const ECHOED = /^canary_(field|argument|value|operation|syntax)$/;

describeOnPostgres('Secrets and personal data in logs and errors', () => {
  let database: TestDatabase;
  let admin: pg.Client;
  let server: Started;
  beforeEach(async () => {
    database = await createDatabase('PostgreSQL');
    admin = new pg.Client({ connectionString: database.env.DATABASE_URL });
    await admin.connect();
    // Makes PostgreSQL report the parameters of a failed statement.
    await admin.query(`DO $$ BEGIN EXECUTE format(
      'ALTER DATABASE %I SET log_parameter_max_length_on_error = -1', current_database()); END $$`);
  });
  afterEach(async () => {
    await server?.stop('SIGINT');
    await admin.end();
    await database.remove();
  });

  async function start(url: URL): Promise<string> {
    url.password = 'canary_database_password';
    server = startServing({
      ...database.env,
      DATABASE_URL: url.href,
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      SESSION_PASSWORD: PASSWORD,
      SESSION_PASSWORD_PREVIOUS: `${PASSWORD}_before`,
      CORS_ORIGINS: 'https://app.example.com',
      LOG_LEVEL: 'trace',
    });
    const [, address = ''] = await server.printed(/listening at ([^"]+)/);
    return address;
  }

  async function expectNoCanaries(url: string, status: number): Promise<void> {
    const sealed = await sealedSession();
    const statuses = new Set<number>();
    const returned = new Set<string>();
    for (const send of REQUESTS) {
      const answer = await send(url, sealed);
      statuses.add(answer.status);
      const all = `${answer.text} ${JSON.stringify([...answer.headers])}`;
      for (const [canary] of all.matchAll(CANARY)) returned.add(canary);
      expectNoPartOf(sealed, all);
    }
    expect(statuses).toContain(status);
    expect([...returned].filter((canary) => !ECHOED.test(canary))).toEqual([]);
    await server.stop('SIGINT');
    const printed = server.stdout() + server.stderr();
    // Each parsed request is logged, and the failure, if any.
    expect(printed.split('request answered').length).toBeGreaterThan(REQUESTS.length / 2);
    expect(printed).toMatch(status === 404 ? /"status":404/ : /"err":\{/);
    expect(printed.match(CANARY)).toBeNull();
    expectNoPartOf(sealed, printed);
  }

  const url = () => new URL(database.env.DATABASE_URL ?? '');

  test('are absent while the database is available', async () => {
    const address = await start(url());
    await server.printed(/ready at/);
    await expectNoCanaries(address, 404);
  });

  test('are absent while the database is unavailable', async () => {
    const unavailable = url();
    unavailable.port = '1';
    await expectNoCanaries(await start(unavailable), 503);
  });

  test('are absent while the statement fails', async () => {
    const address = await start(url());
    await server.printed(/ready at/);
    await admin.query('INSERT INTO neptun_user (id) VALUES ($1)', [USER]);
    await admin.query(
      'INSERT INTO github_app_installation (neptun_user_id, github_installation_id) VALUES ($1, 1)',
      [USER],
    );
    await admin.query('ALTER TABLE github_app_installation RENAME TO links');
    await admin.query(
      `CREATE VIEW github_app_installation AS
       SELECT id, neptun_user_id, github_installation_id,
         created_at + neptun_user_id::interval AS created_at, updated_at
       FROM links`,
    );
    await admin.query('ALTER TABLE neptun_user RENAME TO people');
    await admin.query(
      `CREATE VIEW neptun_user AS
       SELECT id, created_at + id::interval AS created_at, updated_at FROM people`,
    );
    await expectNoCanaries(address, 503);
  });
});

interface Answer {
  status: number;
  headers: Iterable<[string, string]>;
  text: string;
}

async function sealedSession(): Promise<string> {
  const user = { id: USER, name: 'canary_name', email: USER };
  const session = { id: 'canary_session', createdAt: Date.now(), data: { user } };
  return seal(session, PASSWORD, defaults);
}

function expectNoPartOf(sealed: string, printed: string): void {
  const parts = sealed.split('*').filter((part) => part.length > 16);
  expect(parts).toHaveLength(5);
  for (const part of parts) expect(printed).not.toContain(part.slice(0, 16));
}

type Send = (url: string, sealed: string) => Promise<Answer>;

const ask = (path: string, init: RequestInit = {}): Send => {
  return async (url, sealed) => {
    const response = await fetch(url + path, {
      redirect: 'manual',
      ...init,
      headers: {
        cookie: `${SESSION_COOKIE}=${sealed}; other=canary_other_cookie`,
        authorization: 'Bearer canary_token',
        'x-request-id': 'canary_request@id',
        'x-forwarded-for': 'canary_address',
        'user-agent': 'canary_agent',
        referer: 'https://canary_referer/',
        origin: 'https://canary_origin',
        ...init.headers,
      },
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
};
const graphql = (body: object) =>
  ask('/graphql', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });
const bytes = (given: string): Send => {
  return async (url) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(given);
    const answer = await text(socket);
    return { status: Number(answer.split(' ')[1]), headers: [], text: answer };
  };
};

const REQUESTS: Send[] = [
  ask(`/api/users/${encodeURIComponent(USER)}/installations?token=canary_parameter`),
  ask('/api/users/canary_stranger/installations'),
  ask('/api/users/canary_%E0%A4/installations'),
  ask('/api/users/canary_%00/installations'),
  ask(`/api/users/${'canary_long'.repeat(1_000)}/installations`),
  ask('/api/users/canary_user/installations', { method: 'POST', body: 'canary_body' }),
  ask('/api/users/x/installations', { headers: { cookie: `${SESSION_COOKIE}=canary_cookie` } }),
  ask('/api/users/x/installations', { headers: { [SESSION_HEADER]: 'Fe26.2**canary_seal' } }),
  ask('/canary_route?token=canary_parameter'),
  ask('/graphql?query={canary_field}&variables={"id":"canary_value"}'),
  ask('/graphql', {
    method: 'OPTIONS',
    headers: { 'access-control-request-headers': 'canary_header' },
  }),
  ask('/graphql', { method: 'POST', headers: JSON_TYPE, body: '{"canary_json' }),
  ask('/graphql', { method: 'POST', headers: { 'content-type': 'canary/type' }, body: 'canary_b' }),
  ask('/graphql', { method: 'POST', headers: JSON_TYPE, body: '"canary_large"'.repeat(100_000) }),
  graphql({ query: '{ viewer { id installations { id } } }' }),
  graphql({ query: 'query ($id: ID!) { user(id: $id) { id } }', variables: { id: USER } }),
  graphql({
    query: 'query ($id: ID!) { user(id: $id) { id } }',
    variables: { id: ['canary_value'] },
  }),
  graphql({ query: 'query ($canary_value: ID!) { user(id: $canary_value) { id } }' }),
  graphql({ query: `{ user(id: "canary_literal") { id } }` }),
  graphql({ query: '{ user(id: {canary_argument: "canary_value"}) { id } }' }),
  graphql({ query: '{ canary_field }' }),
  graphql({ query: '{ "canary_syntax" }' }),
  graphql({ query: '{ viewer { id } }', operationName: 'canary_operation' }),
  graphql({ query: '{ viewer { id } }', extensions: { canary_extension: 'canary_extension' } }),
  graphql([{ query: '{ user(id: "canary_batch") { id } }' }]),
  bytes('GET /canary_path HTTP/1.1\r\nHost: a\r\ncanary header\r\n\r\n'),
  bytes('CANARY_METHOD / HTTP/1.1\r\nHost: canary_host\r\n\r\n'),
  bytes(`GET /${'canary_path'.repeat(2_000)} HTTP/1.1\r\nHost: a\r\n\r\n`),
  bytes(`GET / HTTP/1.1\r\nHost: a\r\nCookie: ${'canary_cookie'.repeat(2_000)}\r\n\r\n`),
  bytes('GET /graphql HTTP/1.1\r\nHost: canary_host\r\nConnection: close\r\n\r\n'),
];
