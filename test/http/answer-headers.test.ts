import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { cookieOf, startTestServer, type TestServer, useServer } from '../helpers/server.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const QUERY = { query: '{ viewer { id } }' };

/** Sends raw bytes, and reads the response until the connection ends. */
async function raw(url: string, bytes: string): Promise<Response> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(bytes);
  const [head = '', body] = (await text(socket)).split('\r\n\r\n');
  const [line = '', ...headers] = head.split('\r\n');
  return new Response(body || null, {
    status: Number(line.split(' ')[1]),
    headers: headers.map((header) => header.split(': ', 2) as [string, string]),
  });
}

type Answer = (server: TestServer, me: string) => Promise<Response>;
const post = (path: string, init: RequestInit): Answer => {
  return async ({ url }, me) =>
    fetch(url + path, {
      method: 'POST',
      ...init,
      headers: { ...init.headers, cookie: await cookieOf(me) },
    });
};
const bytes = (text: string): Answer => {
  return ({ url }) => raw(url, text);
};

const ANSWERS: [string, number, Answer][] = [
  ['REST', 200, (server, me) => server.rest(me)],
  ['REST', 304, (server, me) => server.rest(me, { headers: { 'if-none-match': '*' } })],
  ['HEAD', 200, (server, me) => server.rest(me, { method: 'HEAD' })],
  ['OPTIONS', 204, (server, me) => server.rest(me, { method: 'OPTIONS' })],
  ['REST, anonymous', 401, (server, me) => server.rest(me, { as: null })],
  ['REST, another user', 404, (server, me) => server.rest('x', { as: me })],
  ['REST, a malformed path', 404, ({ url }) => fetch(`${url}/api/users/%E0%A4/installations`)],
  ['REST, another method', 405, (server, me) => server.rest(me, { method: 'DELETE' })],
  ['GraphQL', 200, (server, me) => server.graphql(QUERY, { as: me })],
  ['GraphQL, anonymous', 200, (server) => server.graphql(QUERY)],
  ['GraphQL, a syntax error', 400, (server, me) => server.graphql({ query: '{' }, { as: me })],
  ['GraphQL, no JSON', 400, post('/graphql', { headers: JSON_TYPE, body: '{' })],
  ['GraphQL, a form', 415, post('/graphql', { body: new URLSearchParams({ query: '{}' }) })],
  ['GraphQL, a batch', 400, post('/graphql', { headers: JSON_TYPE, body: '[{}]' })],
  ['GraphQL, 2 MiB', 413, post('/graphql', { headers: JSON_TYPE, body: ' '.repeat(2 ** 21) })],
  ['GraphQL by GET', 400, ({ url }) => fetch(`${url}/graphql?query={viewer{id}}`)],
  ['GraphQL, another method', 405, post('/graphql', { method: 'PUT' })],
  ...['/graphql', '/api/users/x/installations', '/openapi.json', '/nothing'].flatMap(
    (path): [string, number, Answer][] => [
      [`no Host at ${path}`, 400, bytes(`GET ${path} HTTP/1.1\r\nConnection: close\r\n\r\n`)],
      [
        `an expectation at ${path}`,
        417,
        bytes(`GET ${path} HTTP/1.1\r\nHost: a\r\nExpect: x\r\nConnection: close\r\n\r\n`),
      ],
    ],
  ),
  ['an unknown route', 404, ({ url }) => fetch(`${url}/nothing`)],
  ['CONNECT', 405, bytes('CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n')],
  [
    'a broken chunk',
    400,
    bytes(
      'POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n',
    ),
  ],
  ['invalid HTTP', 400, bytes('GARBAGE\r\n\r\n')],
  ['a URL too long', 414, bytes(`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`)],
  [
    'headers too large',
    431,
    bytes(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
  ],
];

function expectPrivateData({ headers }: Response): void {
  expect(headers.get('cache-control')).toMatch(/^private, no-(store|cache)$/);
  const vary = headers.get('vary')?.split(', ');
  expect(vary).toEqual(expect.arrayContaining(['Cookie', 'x-neptun-session-session']));
  expect(vary).toEqual([...new Set(vary)]);
  expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'");
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('referrer-policy')).toBe('no-referrer');
  expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
}

describeOnEachDatabase('Private, inert responses', (kind) => {
  const server = useServer(kind, { CORS_ORIGINS: 'https://app.example.com' });

  test.each(ANSWERS)('%s: %i', async (_name, status, ask) => {
    const answer = await ask(server(), await server().addUser(['1']));
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
    expectPrivateData(answer);
  });

  test('depend on the origin too, also where no hook of the API has run', async () => {
    const answer = await raw(server().url, 'GET /graphql HTTP/1.1\r\nConnection: close\r\n\r\n');
    expect(answer.status).toBe(400);
    expectPrivateData(answer);
    expect(answer.headers.get('vary')?.split(', ')).toContain('Origin');
  });

  test('500', async () => {
    const me = await server().addUser();
    const { database } = server();
    // An answer that the reader cannot decode.
    Object.assign(database, { query: async () => ({ rows: [{ json: '[[' }] }) });
    const answers = [await server().rest(me), await server().graphql(QUERY, { as: me })];
    Reflect.deleteProperty(database, 'query');
    expect(answers.map(({ status }) => status)).toEqual([500, 200]);
    answers.forEach(expectPrivateData);
  });
});

describe('Private, inert responses under limits and outages', () => {
  const limited = useServer('PGlite', { RATE_LIMIT_ANONYMOUS: '1' });

  test('429', async () => {
    await limited().graphql(QUERY);
    const answers = [await limited().rest('x', { as: null }), await limited().graphql(QUERY)];
    expect(answers.map(({ status }) => status)).toEqual([429, 429]);
    answers.forEach(expectPrivateData);
  });

  test('503', async () => {
    const env = {
      DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
      DATA_DIR: process.env.TEST_TEMP ?? '',
    };
    const server = await startTestServer({ env, remove: async () => {} });
    const answers = [await server.rest('x'), await server.graphql(QUERY, { as: 'x' })];
    await server.close();
    expect(answers.map(({ status }) => status)).toEqual([503, 200]);
    expect(answers.map(({ headers }) => headers.get('retry-after'))).toEqual(['2', '2']);
    answers.forEach(expectPrivateData);
  });
});
