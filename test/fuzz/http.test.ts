import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Served, serve } from '../cli/process.js';
import { createDatabase, type TestDatabase } from '../helpers/databases.js';
import { exchange, statusesOf } from '../helpers/raw-http.js';
import { cookieOf } from '../helpers/server.js';
import { size } from '../helpers/size.js';

const SESSION_PASSWORD = 'p'.repeat(32);
/** Concurrent requests. */
const CONCURRENCY = 100;
const ROUNDS = size(15, 1_000);

let database: TestDatabase;
let server: Served;
let requests: string[];
let ended = false;
beforeAll(async () => {
  database = await createDatabase('PostgreSQL');
  server = await serve({
    ...database.env,
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    SESSION_PASSWORD,
    RATE_LIMIT: '0',
    RATE_LIMIT_ANONYMOUS: '0',
    CORS_ORIGINS: 'https://app.example.com',
    LOG_LEVEL: 'error',
  });
  server.code.then(() => {
    ended = true;
  });
  requests = validRequests(await cookieOf('someone', SESSION_PASSWORD));
});
afterAll(async () => {
  await server?.stop('SIGINT');
  await database?.remove();
});

function validRequests(cookie: string): string[] {
  const head = `Host: 127.0.0.1\r\nCookie: ${cookie}\r\nOrigin: https://app.example.com\r\n`;
  const body = JSON.stringify({
    operationName: 'Q',
    query: 'query Q($id: ID!) { user(id: $id) { ...U } viewer { id } } fragment U on User { id }',
    variables: { id: 'someone' },
    extensions: {},
  });
  const json = `${head}Content-Type: application/json\r\nAccept: application/json\r\n`;
  const chunks = body
    .match(/.{1,40}/gs)
    ?.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
  const search = 'query=query($id:ID!){user(id:$id){id}}&variables={"id":"someone"}&extensions={}';
  return [
    `GET /api/users/someone/installations HTTP/1.1\r\n${head}If-None-Match: "a", W/"b"\r\n\r\n`,
    `HEAD /api/users/some%20one/installations?a=b HTTP/1.1\r\n${head}Connection: close\r\n\r\n`,
    `POST /graphql HTTP/1.1\r\n${json}Content-Length: ${body.length}\r\n\r\n${body}`,
    `POST /graphql HTTP/1.1\r\n${json}Transfer-Encoding: chunked\r\n\r\n${chunks?.join('')}0\r\n\r\n`,
    `GET /graphql?${encodeURI(search)} HTTP/1.1\r\n${head}Apollo-Require-Preflight: true\r\n\r\n`,
    `OPTIONS /graphql HTTP/1.1\r\n${head}Access-Control-Request-Method: POST\r\n\r\n`,
    `GET /openapi.json HTTP/1.1\r\n${head}X-Request-Id: abc\r\n\r\n`,
    `GET /nothing HTTP/1.1\r\n${head}X-Forwarded-For: 10.0.0.1\r\n\r\n`,
  ];
}

/** Tokens of HTTP, URLs, JSON, GraphQL and JavaScript that parsers often mishandle. */
const token = fc.constantFrom(
  ...[
    '\r\n',
    '\n',
    '\r',
    '\0',
    '\t',
    ' ',
    ':',
    '[',
    ']',
    '{',
    '}',
    '"',
    '\\',
    ',',
    ';',
    '#',
    '?',
    '$',
  ],
  ...[
    '\r\n\r\n',
    '\xff',
    '\xe9',
    '%',
    '%00',
    '%0d%0a',
    '%E0%A4',
    '%ED%A0%80',
    '../',
    '//',
    '*',
    '@',
  ],
  ...[
    'null',
    '[]',
    '{}',
    '-1',
    '1e999',
    '99999999999999999999',
    '\\u0000',
    '\\ud800',
    '"__proto__":',
  ],
  ...['Host: [\r\n', 'Host: \r\n', 'Host: a\r\n', 'Expect: 100-continue\r\n', 'Expect: x\r\n'],
  ...['Content-Length: 5\r\n', 'Content-Length: -1\r\n', 'Content-Length: 9999999999999999999\r\n'],
  ...[
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding: gzip\r\n',
    'Content-Encoding: gzip\r\n',
  ],
  ...['Connection: upgrade\r\nUpgrade: websocket\r\n', 'Connection: upgrade\r\nUpgrade: h2c\r\n'],
  ...[
    'Content-Type: text/plain\r\n',
    'Content-Type: multipart/form-data\r\n',
    'Content-Type: x\r\n',
  ],
  ...[
    'Accept: multipart/mixed\r\n',
    'Accept: text/html\r\n',
    'Accept: ;q=x\r\n',
    'Cookie: =;=\r\n',
  ],
  ...['Range: bytes=0-0\r\n', 'If-None-Match: *\r\n', 'X-Request-Id: \x7f\r\n', 'Origin: null\r\n'],
  ...['HTTP/1.0', 'HTTP/9.9', 'CONNECT ', 'TRACE ', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'QUERY '],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'neptun-session=__chunked__2; ',
    'fffffffff\r\n',
    '0\r\n',
  ],
  ...[
    '@defer',
    '@skip(if: true)',
    '...U',
    'subscription',
    'mutation',
    '__schema',
    '"""',
    'A'.repeat(2_000),
  ],
  'a: b\r\n'.repeat(2_100),
  'A'.repeat(20_000),
);
const place = fc.nat(9_999).map((n) => n / 10_000);
type Mutation = (text: string) => string;
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(
    ([at, byte]): Mutation =>
      (text) => {
        const start = Math.floor(at * text.length);
        return text.slice(0, start) + String.fromCharCode(byte) + text.slice(start + 1);
      },
  ),
  fc.tuple(place, token).map(
    ([at, what]): Mutation =>
      (text) => {
        const start = Math.floor(at * text.length);
        return text.slice(0, start) + what + text.slice(start);
      },
  ),
  // At the start of the headers; a random position mostly falls into another header.
  token.map(
    (what): Mutation =>
      (text) =>
        text.replace('\r\n', () => `\r\n${what}`),
  ),
  fc.tuple(place, fc.nat(40)).map(
    ([at, count]): Mutation =>
      (text) => {
        const start = Math.floor(at * text.length);
        return text.slice(0, start) + text.slice(start + count);
      },
  ),
  fc.tuple(place, place, fc.nat(200)).map(
    ([from, to, count]): Mutation =>
      (text) => {
        const slice = text.slice(Math.floor(from * text.length)).slice(0, count);
        const start = Math.floor(to * text.length);
        return text.slice(0, start) + slice + text.slice(start);
      },
  ),
  fc.tuple(fc.nat(8), token).map(
    ([line, value]): Mutation =>
      (text) => {
        const lines = text.split('\r\n');
        lines[line] = lines[line]?.replace(/:.*/s, () => `: ${value}`) ?? '';
        return lines.join('\r\n');
      },
  ),
);
/** Corrects Content-Length, so that malformed bodies reach the body parsers. */
const repair: Mutation = (text) => {
  const body = text.indexOf('\r\n\r\n') + 4;
  return text.replace(/^(Content-Length: )\d+/m, `$1${text.length - body}`);
};
const request = fc
  .tuple(fc.nat(), fc.array(mutation, { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([which, mutations, repaired]) => ({
    which,
    mutations: repaired ? [...mutations, repair] : mutations,
  }));
/** Without a bias to the start of texts and tables. */
const batch = fc.noBias(
  fc.array(request, { minLength: CONCURRENCY, maxLength: CONCURRENCY, size: 'max' }),
);

test(`${ROUNDS * CONCURRENCY} malformed requests cause no crash and no 5xx`, async () => {
  const seen = new Map<number, number>();
  const count = (status: number) => seen.set(status, (seen.get(status) ?? 0) + 1);
  await fc.assert(
    fc.asyncProperty(batch, async (mutated) => {
      const texts = mutated.map(({ which, mutations }) =>
        mutations.reduce(
          (text, mutate) => mutate(text),
          requests[which % requests.length] as string,
        ),
      );
      const wrong: [string, number[]][] = [];
      await Promise.all(
        texts.map(async (text) => {
          const statuses = statusesOf(await exchange(server.url, text));
          statuses.forEach(count);
          if (statuses.some((status) => status >= 500)) wrong.push([text, statuses]);
        }),
      );
      expect(wrong).toEqual([]);
      expect(ended).toBe(false);
    }),
    { numRuns: ROUNDS, seed: 5, endOnFailure: true },
  );
  const answers = [...seen.values()].reduce((sum, times) => sum + times, 0);
  console.info(
    `${ROUNDS * CONCURRENCY} malformed requests, ${answers} responses:`,
    Object.fromEntries(seen),
  );
  expect(answers).toBeGreaterThan((ROUNDS * CONCURRENCY) / 2);
  expect(server.stderr()).toBe('');
  const valid = await Promise.all(requests.map((text) => exchange(server.url, text)));
  const statuses = valid.flatMap(statusesOf);
  expect(statuses).toEqual([404, 404, 200, 200, 200, 204, 200, 404]);
}, 480_000);
