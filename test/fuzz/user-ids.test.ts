import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sealSession } from '../../src/session/seal-session.js';
import { SESSION_HEADER } from '../../src/session/session-cookie.js';
import { PASSWORD, startTestServer, type TestServer } from '../helpers/server.js';
import { size } from '../helpers/size.js';
import { createWatchedDatabase, type WatchedDatabase } from '../helpers/watched-database.js';

const NOT_FOUND =
  '{"statusCode":404,"statusMessage":"Not Found","data":{"message":"User not found"}}';
const QUERY = 'query ($id: ID!) { user(id: $id) { id installations { id } } }';
/** Ids, each requested over REST, as a variable, and as a literal. */
const UNUSUAL = size(400, 26_000);
/** Sessions, each used over REST and GraphQL. */
const SESSIONS = size(80, 4_000);
const CONCURRENCY = 20;

/** Ids that PostgreSQL's text type or index cannot hold. */
const impossible = fc.oneof(
  fc
    .tuple(
      fc.string(),
      fc.constantFrom('\0', '\ud800', '\udfff', '\udc00\ud800'),
      fc.string({ unit: 'binary' }),
    )
    .map((parts) => parts.join('')),
  fc.integer({ min: 2_701, max: 10_000 }).map((length) => 'x'.repeat(length)),
  fc.integer({ min: 901, max: 3_000 }).map((length) => '\u20ac'.repeat(length)),
);
/** Ids that resemble another id, a number or a path. */
const unusual = fc.oneof(
  fc.constantFrom(
    ' 1 ',
    '01',
    '1.0',
    '1e0',
    '+1',
    '-1',
    '-0',
    '0',
    '1\n',
    '\t1',
    '１',
    '٣',
    '0x1',
    'NaN',
  ),
  fc.constantFrom(
    '',
    '.',
    '..',
    '%',
    '%00',
    '%2e%2e',
    '../1',
    '1/../2',
    '?',
    '#',
    ';',
    "'",
    '"',
    '\\',
    '{}',
  ),
  fc.constantFrom(
    'null',
    'undefined',
    '__proto__',
    'constructor',
    'true',
    '[object Object]',
    '$1',
    '*',
  ),
  fc.constantFrom(
    "' OR 1=1 --",
    "1'; SELECT 1; --",
    '\u202e',
    '\ufeff1',
    'é',
    'e\u0301',
    '\ufffd',
    '😀',
  ),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
  fc.constantFrom(2n ** 31n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n).map(String),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.nat(10_000).map((length) => '1'.repeat(length)),
);
/** Lone surrogates have no UTF-8 encoding and are replaced. */
const pathOf = (id: string) => `/api/users/${encodeURIComponent(id.toWellFormed())}/installations`;
/** Paths with invalid percent-encoding. */
const rawPath = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '%',
        '%0',
        '%00',
        '%C0%80',
        '%ED%A0%80',
        '%F4%90%80%80',
        '%25',
        '.',
        ' ',
        '\\',
      ),
      fc.string({ maxLength: 4 }),
    ),
  )
  .map((parts) => `/api/users/${parts.join('').replace(/[^!-~]/g, '')}/installations`);

interface Answer {
  status: number | undefined;
  body: string;
}

describe('User ids', () => {
  let database: WatchedDatabase;
  let server: TestServer;
  let session: string;
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  beforeAll(async () => {
    database = await createWatchedDatabase();
    server = await startTestServer(database);
    await server.ready;
    session = await sealSession(await server.addUser(['1']), PASSWORD, 0);
  });
  afterAll(async () => {
    agent.destroy();
    await server?.close();
    await database?.remove();
  });

  function send(path: string, sealed: string, body?: unknown): Promise<Answer> {
    const headers = {
      [SESSION_HEADER]: sealed,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    const method = body === undefined ? 'GET' : 'POST';
    const { port } = new URL(server.url);
    return new Promise((resolve, reject) => {
      const sent = request({ agent, port, method, path, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, body: text }));
      });
      sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Requests the id in each way; expects that it is missing, or that the request is invalid. */
  async function requestEverywhere(id: string, sealed: string) {
    const text = `{ user(id: ${JSON.stringify(id)}) { id } }`;
    const [rest, variable, literal] = await Promise.all([
      send(pathOf(id), sealed),
      send('/graphql', sealed, { query: QUERY, variables: { id } }),
      send('/graphql', sealed, { query: text }),
    ]);
    expectMissing(rest, id);
    for (const { status, body } of [variable, literal]) {
      const { data, errors } = JSON.parse(body);
      const [{ extensions }] = errors;
      if (status === 200) {
        expect({ id, data, extensions }).toEqual({
          id,
          data: { user: null },
          extensions: { code: 'NOT_FOUND' },
        });
      } else {
        // A GraphQL literal with a lone surrogate is invalid, and a long one exceeds the parser's limit.
        expect({ id, status, extensions }).toEqual({
          id,
          status: 400,
          extensions: { code: 'GRAPHQL_PARSE_FAILED' },
        });
      }
    }
    expect(variable.status).toBe(200);
  }

  /** A URL, or its headers, may exceed the limits of HTTP. */
  function expectMissing({ status, body }: Answer, what: string) {
    if (status !== 414 && status !== 431)
      expect([what, status, body]).toEqual([what, 404, NOT_FOUND]);
  }

  /** Checks many values, CONCURRENCY at a time. */
  const check = <T>(values: fc.Arbitrary<T>, times: number, ask: (value: T) => Promise<void>) =>
    fc.assert(
      fc.asyncProperty(
        fc.array(values, { minLength: CONCURRENCY, maxLength: CONCURRENCY, size: 'max' }),
        (batch) => Promise.all(batch.map(ask)).then(() => {}),
      ),
      { numRuns: times / CONCURRENCY, endOnFailure: true },
    );

  test(`of others (${UNUSUAL} unusual or impossible ones) are missing, without any byte sent to the database`, async () => {
    const before = database.sent();
    await check(fc.oneof(unusual, impossible), UNUSUAL, (id) => requestEverywhere(id, session));
    expect(database.sent()).toBe(before);
  }, 300_000);

  test('in malformed URLs are missing, without any byte sent to the database', async () => {
    const before = database.sent();
    await check(rawPath, UNUSUAL / 2, async (url) => {
      const { status, body } = await send(url, session);
      if (!body.includes('No such route')) expectMissing({ status, body }, url);
      expect(status).toBeLessThan(500);
    });
    expect(database.sent()).toBe(before);
  }, 300_000);

  test(`of ${SESSIONS / 2} sessions that PostgreSQL cannot hold are missing, without any byte sent to the database`, async () => {
    const before = database.sent();
    await check(impossible, SESSIONS / 2, async (id) =>
      requestEverywhere(id, await sealSession(id, PASSWORD, 0)),
    );
    expect(database.sent()).toBe(before);
  }, 300_000);

  test(`of ${SESSIONS / 2} sessions without a row in the database are missing`, async () => {
    const before = database.sent();
    await check(
      unusual.filter((id) => id !== '' && isPossible(id)),
      SESSIONS / 2,
      async (id) => requestEverywhere(id, await sealSession(id, PASSWORD, 0)),
    );
    expect(database.sent()).toBeGreaterThan(before);
  }, 300_000);
});

function isPossible(id: string): boolean {
  return !/\0/.test(id) && id === id.toWellFormed() && Buffer.byteLength(id) <= 2_700;
}
