import { hash, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config.js';
import { json, useServer } from '../helpers/server.js';

const BODY = 'query Mine {\n  viewer {\n    id\n  }\n}';
const OTHER = 'query Ours($id: ID!) { user(id: $id) { id } }';
const idOf = (body: string) => hash('sha256', body);

function manifest(content: unknown): string {
  const path = join(process.env.TEST_TEMP ?? '', `${randomUUID()}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const operations = [BODY, OTHER].map((body) => ({
  id: idOf(body),
  body,
  name: body.split(/\W/)[1],
  type: 'query',
}));
const MANIFEST = { format: 'apollo-persisted-query-manifest', version: 1, operations };

describe('A server with an operations manifest', () => {
  const server = useServer('PGlite', {
    NODE_ENV: 'development',
    OPERATIONS_MANIFEST: manifest(MANIFEST),
  });
  const byId = (id: unknown, more = {}) =>
    server().graphql(
      { ...more, extensions: { persistedQuery: { version: 1, sha256Hash: id } } },
      { as: 'user123' },
    );
  const data = { viewer: { id: 'user123' } };

  async function expectRefused(response: Response) {
    expect(response.status).toBe(400);
    expect(await json(response)).toEqual({
      errors: [
        {
          message: expect.stringContaining('only the operations of its manifest'),
          extensions: { code: 'QUERY_NOT_IN_SAFELIST' },
        },
      ],
    });
  }

  test('runs its operations, repeatedly', async () => {
    for (let time = 0; time < 4; time++) {
      const mine = await server().graphql({ query: BODY }, { as: 'user123' });
      expect(await json(mine)).toEqual({ data });
      const variables = { id: 'user123' };
      const ours = await server().graphql({ query: OTHER, variables }, { as: 'user123' });
      expect(await json(ours)).toEqual({ data: { user: data.viewer } });
    }
  });

  test('runs its operations by id, repeatedly', async () => {
    for (let time = 0; time < 4; time++) {
      expect(await json(await byId(idOf(BODY), { operationName: 'Mine' }))).toEqual({ data });
      const ours = await byId(idOf(OTHER), { variables: { id: 'user123' } });
      expect(await json(ours)).toEqual({ data: { user: data.viewer } });
    }
  });

  test.each([
    '{ viewer { id } }',
    `${BODY} `,
    BODY.toLowerCase(),
    `${BODY}${OTHER}`,
    '{ __schema { queryType { name } } }',
    'not even GraphQL {',
    '',
    null,
    1,
    { viewer: 1 },
    [BODY],
  ])('refuses any other text, repeatedly: %j', async (query) => {
    for (let time = 0; time < 4; time++) {
      await expectRefused(await server().graphql({ query }, { as: 'user123' }));
    }
  });

  test.each([idOf('{ viewer { id } }'), '', '__proto__', 1, null, [idOf(BODY)], { a: 1 }])(
    'refuses an unknown id: %j',
    async (id) => expectRefused(await byId(id)),
  );

  test('refuses another text with a known id', async () => {
    await expectRefused(await byId(idOf(BODY), { query: '{ viewer { id } }' }));
  });

  test('checks each query parameter of a URL', async () => {
    const get = (search: string, init = {}) =>
      fetch(`${server().url}/graphql?${search}`, {
        headers: { 'apollo-require-preflight': 'true' },
        ...init,
      });
    const query = encodeURIComponent(BODY);
    expect(await json(await get(`query=${query}`))).toMatchObject({ data: { viewer: null } });
    await expectRefused(await get('query={viewer{id}}'));
    await expectRefused(await get('query=%7Bviewer%7Bid%7D%7D'));
    await expectRefused(await get(`query=${query}&query={viewer{id}}`));
    await expectRefused(await get(`query={viewer{id}}&query=${query}`));
    await expectRefused(await get('x=?&qu%65ry={viewer{id}}'));
  });

  test('refuses a request without a text as without a manifest', async () => {
    for (const body of [{}, [], [{ query: BODY }], { variables: {} }]) {
      const response = await server().graphql(body);
      expect([response.status, (await json(response)).errors[0].extensions.code]).toEqual([
        400,
        'BAD_REQUEST',
      ]);
    }
    const page = await fetch(`${server().url}/graphql`, { headers: { accept: 'text/html' } });
    expect(page.status).toBe(200);
  });
});

describe('A server without a manifest', () => {
  const server = useServer('PGlite');

  test('answers PERSISTED_QUERY_NOT_SUPPORTED to an id', async () => {
    const extensions = { persistedQuery: { version: 1, sha256Hash: idOf(BODY) } };
    const { errors } = await json(await server().graphql({ extensions }));
    expect(errors).toMatchObject([{ extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } }]);
    // Nor does a request register its text.
    await server().graphql({ extensions, query: BODY });
    const again = await json(await server().graphql({ extensions }));
    expect(again.errors).toMatchObject([{ extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } }]);
  });
});

describe('An invalid manifest', () => {
  const load = (OPERATIONS_MANIFEST: string) => loadConfig({ OPERATIONS_MANIFEST });

  test.each([
    ['not JSON', '{'],
    ['not an object', '[]'],
    ['another format', { ...MANIFEST, format: 'relay' }],
    ['another version', { ...MANIFEST, version: 2 }],
    ['no operations', { ...MANIFEST, operations: [] }],
    ['operations without text', { ...MANIFEST, operations: [{ id: 'a' }] }],
    ['operations without id', { ...MANIFEST, operations: [{ body: BODY }] }],
  ])('is refused at startup: %s', (_what, content) => {
    expect(() => load(manifest(content))).toThrow(ConfigError);
    expect(() => load(manifest(content))).toThrow(
      'OPERATIONS_MANIFEST must be the path of an apollo-persisted-query-manifest, version 1 (not a manifest)',
    );
  });

  test('is refused at startup: a missing file, a folder', () => {
    expect(() => load(manifest('') + randomUUID())).toThrow(
      /OPERATIONS_MANIFEST must .*\(ENOENT\)/,
    );
    expect(() => load(process.env.TEST_TEMP ?? '')).toThrow(
      /OPERATIONS_MANIFEST must .*\(EISDIR\)/,
    );
  });
});
