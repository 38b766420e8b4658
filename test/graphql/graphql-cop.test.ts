import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Served, serve } from '../cli/process.js';
import { createDatabase } from '../helpers/databases.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };
/** Disables Apollo's CSRF prevention, so that no test relies on it alone. */
const PREFLIGHTED = { 'apollo-require-preflight': 'true' };

/** https://github.com/dolevf/graphql-cop */
describe('Findings of graphql-cop in production', () => {
  let server: Served;
  beforeAll(async () => {
    const { env } = await createDatabase('PGlite');
    const production = { NODE_ENV: 'production', SESSION_PASSWORD: 'p'.repeat(32) };
    server = await serve({ ...env, ...production, HOST: '127.0.0.1', LOG_LEVEL: 'warn' });
  });
  afterAll(() => server?.stop('SIGINT'));

  async function send(init: RequestInit & { search?: string }) {
    const { search = '', ...request } = init;
    const response = await fetch(`${server.url}/graphql${search}`, request);
    const text = await response.text();
    return { status: response.status, text, answer: parsed(text) };
  }
  const post = (body: unknown) =>
    send({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });
  const ask = (query: string) => post({ query, operationName: 'cop' });

  test('need a server that answers', async () => {
    const { status, answer } = await ask('query cop { __typename }');
    expect([status, answer]).toEqual([200, { data: { __typename: 'Query' } }]);
  });

  test('exclude alias overloading', async () => {
    const aliases = Array.from({ length: 101 }, (_, n) => `alias${n}:__typename \n`).join('');
    const { status, answer } = await ask(`query cop { ${aliases} }`);
    expect([status, answer.data]).toEqual([400, undefined]);
  });

  test.each([10, 50, 1_000])('exclude directive overloading, with %i directives', async (count) => {
    const { status, answer } = await ask(`query cop { __typename ${'@aa'.repeat(count)} }`);
    expect(status).toBe(400);
    expect(answer.errors.length).toBeLessThan(10);
  });

  test('exclude field duplication', async () => {
    const { status, answer } = await ask(`query cop { ${'__typename \n'.repeat(500)} }`);
    expect([status, answer.data]).toEqual([400, undefined]);
  });

  test('exclude circular fragments', async () => {
    const { status, answer } = await ask(
      'query cop { viewer { ...A } } fragment A on User { ...B } fragment B on User { ...A }',
    );
    expect([status, answer.data]).toEqual([400, undefined]);
  });

  test.each([
    'query cop { __schema { types { name fields { name } } } }',
    'query cop { __type(name: "User") { fields { name } } }',
    `query cop { __schema { types ${'{ fields { type '.repeat(4)} { name } ${'} }'.repeat(4)} } }`,
    'query cop { ...F } fragment F on Query { a: __schema { queryType { name } } }',
  ])('exclude introspection: %s', async (query) => {
    const { status, answer } = await ask(query);
    expect([status, answer.data]).toEqual([400, undefined]);
    expect(answer.errors[0].message).toMatch(/GRAPHQL_IDE=true|^Maximum/);
  });

  test('exclude batches', async () => {
    const { status, answer } = await post(Array(10).fill({ query: 'query cop { __typename }' }));
    expect([status, Array.isArray(answer)]).toEqual([400, false]);
  });

  test.each([
    'query cop { __schema { directive } }',
    'query cop { viewr { id } }',
    'query cop { viewer { idd } }',
    'query cop { user(idd: "1") { id } }',
    'query cop ($id: IDD) { user(id: $id) { id } }',
    'query cop { viewer { ... on Usr { id } } }',
    'query cop { viewer @skp(if: true) { id } }',
  ])('exclude suggestions: %s', async (query) => {
    const { status, text } = await ask(query);
    expect(status).toBe(400);
    expect(text).not.toMatch(/did you mean/i);
  });

  test('exclude queries by GET without a preflight', async () => {
    const { status, answer } = await send({ search: '?query=query+cop+{__typename}' });
    expect([status, answer.data]).toEqual([400, undefined]);
  });

  test.each([{}, PREFLIGHTED])('exclude mutations by GET, with %j', async (headers) => {
    const { status, answer } = await send({ search: '?query=mutation+cop+{__typename}', headers });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(answer.data).toBeUndefined();
  });

  test.each([FORM_TYPE, { 'content-type': 'text/plain' }, { ...FORM_TYPE, ...PREFLIGHTED }])(
    'exclude posted forms, with %j',
    async (headers) => {
      for (const body of ['query=query+cop+{__typename}', '{"query":"query cop {__typename}"}']) {
        const { status, answer } = await send({ method: 'POST', headers, body });
        expect([status >= 400 && status < 500, answer.data]).toEqual([true, undefined]);
      }
    },
  );

  test('exclude traces, stack traces and exceptions', async () => {
    for (const query of [
      'query cop { __typename }',
      'qwerty cop { abc }',
      'query cop { viewer { id } }',
    ]) {
      const { text, status } = await ask(query);
      expect(status).toBeLessThan(500);
      expect(text).not.toMatch(/tracing|exception|stacktrace|node_modules/i);
    }
  });

  test.each(['/graphql', '/graphiql', '/graphiql/', '/playground', '/altair', '/dev/sign-in'])(
    'exclude an IDE at %s',
    async (path) => {
      const response = await fetch(`${server.url}${path}`, { headers: { accept: 'text/html' } });
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(await response.text()).not.toMatch(/graphiql|playground|altair|sandbox|<html/i);
    },
  );
});

function parsed(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
