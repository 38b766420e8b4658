import { ApolloServer, HeaderMap } from '@apollo/server';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { buildSchema } from 'graphql';
import { errorAnswer } from '../../src/http/error-answer.js';
import { exchange } from '../helpers/raw-http.js';
import { useServer } from '../helpers/server.js';

const JSON_TYPE = 'application/json; charset=utf-8';
const GRAPHQL_TYPE = 'application/graphql-response+json; charset=utf-8';
const QUERY = '{"query":"{ __typename }"}';

const post = (body: string, headers: string) =>
  `POST @ HTTP/1.1\r\n${headers}^Content-Length: ${body.length}\r\n\r\n${body}`;
const HOST = 'Host: a\r\n';
const JSON_BODY = `${HOST}Content-Type: application/json\r\n`;

/** `@` is the path, `^` the further headers. */
const FAILURES: [string, number, string][] = [
  ['no JSON', 400, post('{', JSON_BODY)],
  ['no Host', 400, 'POST @ HTTP/1.1\r\n^\r\n'],
  ['two Hosts', 400, `POST @ HTTP/1.1\r\n${HOST}${HOST}^\r\n`],
  [
    'a broken chunk',
    400,
    `POST @ HTTP/1.1\r\n${JSON_BODY}^Transfer-Encoding: chunked\r\n\r\nz\r\n`,
  ],
  ['a method', 405, `PUT @ HTTP/1.1\r\n${HOST}^\r\n`],
  ['TRACE', 405, `TRACE @ HTTP/1.1\r\n${HOST}^\r\n`],
  ['2 MiB', 413, post(' ', JSON_BODY).replace('Length: 1', 'Length: 2097152')],
  ['a long URL', 414, `GET @?${'x'.repeat(20_000)} HTTP/1.1\r\n${HOST}^\r\n`],
  ['a form', 415, post('query=x', `${HOST}Content-Type: application/x-www-form-urlencoded\r\n`)],
  ['a compressed body', 415, post(QUERY, `${JSON_BODY}Content-Encoding: gzip\r\n`)],
  ['an expectation', 417, post(QUERY, `${JSON_BODY}Expect: 200-ok\r\n`)],
  ['long headers', 431, `GET @ HTTP/1.1\r\n${HOST}^X: ${'x'.repeat(20_000)}\r\n\r\n`],
];

function parsed(answer: string) {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  const [line = '', ...headers] = head.split('\r\n');
  return {
    status: Number(line.split(' ')[1]),
    headers: new Headers(headers.map((header) => header.split(': ', 2) as [string, string])),
    body: JSON.parse(body),
  };
}

describe('An error', () => {
  const server = useServer('PGlite');
  const fail = async (bytes: string, path: string, headers = '') =>
    parsed(await exchange(server().url, bytes.replace('@', path).replace('^', headers)));

  test.each(FAILURES)(
    'has the form of GraphQL at /graphql: %s, %i',
    async (_name, status, bytes) => {
      for (const [accept, type] of [
        ['', JSON_TYPE],
        ['Accept: application/graphql-response+json, application/json;q=0.9\r\n', GRAPHQL_TYPE],
      ] as const) {
        const answer = await fail(bytes, '/graphql', accept);
        expect([answer.status, answer.headers.get('content-type')]).toEqual([status, type]);
        expect(answer.body).toEqual({
          errors: [{ message: expect.any(String), extensions: { code: 'BAD_REQUEST' } }],
        });
      }
    },
  );

  const elsewhere = FAILURES.filter(([, status]) => ![413, 415].includes(status));
  test.each(elsewhere)('has the form of REST elsewhere: %s', async (name, status, bytes) => {
    const path = '/api/users/x/installations';
    const answer = await fail(bytes, path, 'Accept: application/graphql-response+json\r\n');
    const expected = /JSON|chunk/.test(name) ? expect.any(Number) : status;
    expect([answer.status, answer.headers.get('content-type')]).toEqual([expected, JSON_TYPE]);
    expect(answer.body).toEqual({
      statusCode: answer.status,
      statusMessage: expect.any(String),
      data: { message: expect.stringMatching(/./) },
    });
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('says what to send instead', async () => {
    const gzip = FAILURES.find(([name]) => name === 'a compressed body')?.[2] ?? '';
    for (const coding of ['gzip', 'br', 'deflate', 'zstd', 'gzip, identity', 'X-GZIP']) {
      const { status, headers } = await fail(gzip.replace('gzip', coding), '/graphql');
      expect([status, headers.get('accept-encoding')]).toEqual([415, 'identity']);
    }
    const form = FAILURES.find(([name]) => name === 'a form')?.[2] ?? '';
    expect((await fail(form, '/graphql')).headers.get('accept')).toBe('application/json');
    const allowed = (await fail(FAILURES[4]?.[2] ?? '', '/graphql/')).headers.get('allow');
    expect(allowed).toBe('GET, POST');
    const connect = await fail(`CONNECT a:80 HTTP/1.1\r\n${HOST}\r\n`, '');
    expect([connect.status, connect.body.statusCode]).toEqual([405, 405]);
  });

  test('has an id and a line in the log as any other answer', async () => {
    const headers = `${HOST}X-Request-Id: mine\r\nExpect: x\r\n`;
    expect(
      (await fail(`GET @ HTTP/1.1\r\n${headers}\r\n`, '/live')).headers.get('x-request-id'),
    ).toBe('mine');
  });
});

describe('A body', () => {
  const server = useServer('PGlite');
  const send = async (headers: string) => {
    const bytes = post(QUERY, HOST + headers)
      .replace('@', '/graphql')
      .replace('^', '');
    const answer = await exchange(server().url, bytes);
    return parsed(answer.replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, '')).status;
  };
  const type = (value: string) => `Content-Type: ${value}\r\n`;

  test.each([
    type('application/json') + type('application/json'),
    type('application/json; charset=utf-8') + type('application/json; charset=utf-8'),
    type('application/json, Application/JSON'),
    type('application/json;charset=UTF-8'),
    type('application/json; charset="utf-8"'),
    type('application/json; charset=utf8'),
    `${type('application/json')}Content-Encoding: identity\r\n`,
    `${type('application/json')}Content-Encoding: Identity, identity\r\n`,
    `${type('application/json')}Expect: 100-continue\r\n`,
  ])('is read with %j', async (headers) => expect(await send(headers)).toBe(200));

  test.each([
    type('application/json') + type('text/plain'),
    type('text/plain, application/json'),
    type('application/json; charset=iso-8859-1'),
    type('application/json; charset=utf-16'),
    type('application/graphql'),
    type(''),
  ])('is 415 with %j', async (headers) => expect(await send(headers)).toBe(415));
});

test('The type of an error is what Apollo Server negotiates', async () => {
  const apollo = new ApolloServer({ schema: buildSchema('type Query { a: Int }') });
  await apollo.start();
  const range = fc
    .tuple(
      fc.constantFrom(
        ...['*/*', 'application/*', 'text/html', 'multipart/mixed', 'application/json'],
        ...['application/graphql-response+json', 'Application/JSON', 'text/*'],
      ),
      fc.constantFrom('', '; charset=utf-8', ';charset=UTF-8', ';v=1'),
      fc.constantFrom('', ';q=0', '; q=0.5', ';q=0.9', ';q=1'),
    )
    .map((parts) => parts.join(''));
  const accepts = fc.array(range, { maxLength: 5 }).map((ranges) => ranges.join(', '));
  await fc.assert(
    fc.asyncProperty(accepts, async (accept) => {
      const { headers, body } = await apollo.executeHTTPGraphQLRequest({
        httpGraphQLRequest: {
          method: 'POST',
          headers: new HeaderMap([
            ['accept', accept],
            ['content-type', 'application/json'],
          ]),
          search: '',
          body: {},
        },
        context: async () => ({}),
      });
      expect(body.kind).toBe('complete');
      const { type } = errorAnswer({ isGraphQL: true, accept }, { status: 400, message: '' });
      expect(type).toBe(headers.get('content-type')?.replace(' callbackSpec=1.0;', ''));
    }),
    { numRuns: 1_000 },
  );
});
