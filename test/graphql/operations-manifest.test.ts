import { hash, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config.js';
import { cookieOf, json, useServer } from '../helpers/server.js';

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
    await expectRefused(await byId(idOf(BODY), { query: OTHER }));
    await expectRefused(await byId(idOf('{ viewer { id } }'), { query: BODY }));
    await expectRefused(await server().graphql({ query: OTHER, documentId: idOf(BODY) }));
  });

  const extensions = { persistedQuery: { version: 1, sha256Hash: idOf(BODY) } };
  const get = (parameters: Record<string, string> | [string, string][], init = {}) =>
    fetch(`${server().url}/graphql?${new URLSearchParams(parameters)}`, {
      headers: { 'sec-fetch-site': 'same-origin' },
      ...init,
    });

  test.each([
    { query: BODY, extensions },
    { query: BODY, extensions: { ...extensions, clientLibrary: { name: 'a', version: '4' } } },
    { query: null, extensions },
    { query: '', extensions },
    { documentId: idOf(BODY) },
    { documentId: `sha256:${idOf(BODY)}`, operationName: 'Mine' },
    { documentId: idOf(BODY), query: BODY, variables: {}, extensions: {} },
    { doc_id: idOf(BODY), query: null, variables: null },
    { doc_id: null, query: BODY },
  ])('takes ids as clients send them, with or without the text: %j', async (body) => {
    for (let time = 0; time < 3; time++)
      expect(await json(await server().graphql(body, { as: 'user123' }))).toEqual({ data });
  });

  test.each([
    { extensions: JSON.stringify(extensions) },
    { extensions: JSON.stringify(extensions), query: BODY, operationName: 'Mine' },
    { documentId: idOf(BODY), variables: '{}' },
    { doc_id: idOf(BODY), extensions: '{"a":1}' },
    { documentId: `sha256:${idOf(BODY)}`, query: BODY },
  ])('takes ids by GET: %j', async (parameters) => {
    expect(await json(await get(parameters))).toMatchObject({ data: { viewer: null } });
  });

  test('takes variables beside an id by GET', async () => {
    const cookie = await cookieOf('user123');
    const headers = { 'sec-fetch-site': 'same-origin', cookie };
    const parameters = { documentId: idOf(OTHER), variables: '{"id":"user123"}' };
    expect(await json(await get(parameters, { headers }))).toEqual({ data: { user: data.viewer } });
    expect((await get(parameters, { headers: {} })).status).toBe(400);
  });

  test('refuses unknown ids in every place', async () => {
    await expectRefused(await server().graphql({ documentId: 'x' }));
    await expectRefused(await server().graphql({ doc_id: 5 }));
    await expectRefused(await server().graphql({ query: BODY, doc_id: 'sha256:' }));
    await expectRefused(await get({ documentId: 'x' }));
    await expectRefused(await get({ query: BODY, doc_id: 'x' }));
    await expectRefused(
      await get({ extensions: '{"persistedQuery":{"version":1,"sha256Hash":"x"}}' }),
    );
  });

  test('refuses a request that names more than one operation', async () => {
    const id = idOf(BODY);
    const post = (body: object, search = '') =>
      fetch(`${server().url}/graphql${search}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    for (const answer of [
      await post({ documentId: id, doc_id: id }),
      await post({ documentId: id, extensions }),
      await post({ documentId: id, doc_id: idOf(OTHER) }),
      await post({ query: BODY }, `?documentId=${id}`),
      await post({ documentId: id }, `?doc_id=${id}`),
      await post({ extensions }, `?query=${encodeURIComponent(BODY)}`),
      await get({ documentId: id, doc_id: id }),
      await get([
        ['documentId', id],
        ['documentId', id],
      ]),
      await get([
        ['query', BODY],
        ['query', BODY],
      ]),
    ]) {
      const { errors } = await json(answer);
      expect([answer.status, errors[0].extensions.code]).toEqual([400, 'BAD_REQUEST']);
    }
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

describe('A manifest that is a map of texts by id', () => {
  const server = useServer('PGlite', {
    NODE_ENV: 'development',
    OPERATIONS_MANIFEST: manifest({ [idOf(BODY)]: BODY, '5d41402abc4b2a76': OTHER }),
  });

  test('is served as one of Apollo', async () => {
    const variables = { id: 'user123' };
    for (const body of [
      { query: OTHER, variables },
      { documentId: '5d41402abc4b2a76', variables },
      { doc_id: '5d41402abc4b2a76', query: OTHER, variables },
    ]) {
      const answer = await server().graphql(body, { as: 'user123' });
      expect(await json(answer)).toEqual({ data: { user: { id: 'user123' } } });
    }
    expect((await server().graphql({ query: '{ viewer { id } }' })).status).toBe(400);
  });
});

describe('A server without a manifest', () => {
  const server = useServer('PGlite');

  test('answers PERSISTED_QUERY_NOT_SUPPORTED to any form of an id', async () => {
    const headers = { 'sec-fetch-site': 'same-origin' };
    for (const answer of [
      await server().graphql({ documentId: 'x' }),
      await server().graphql({ doc_id: 'x', query: null, extensions: { a: 1 } }),
      await fetch(`${server().url}/graphql?documentId=x`, { headers }),
      await fetch(`${server().url}/graphql?doc_id=x&extensions={}`, { headers }),
    ]) {
      expect((await json(answer)).errors).toMatchObject([
        {
          message: 'PersistedQueryNotSupported',
          extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' },
        },
      ]);
    }
    const both = await server().graphql({ documentId: 'x', query: '{ __typename }' });
    expect(await json(both)).toEqual({ data: { __typename: 'Query' } });
  });

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
    ['a text that is no GraphQL', { ...MANIFEST, operations: [{ id: 'a', body: '{' }] }],
    ['an empty map', {}],
    ['a map without texts', { a: 1 }],
    ['a map of other texts', { name: 'x', license: 'MIT' }],
    ['operations without id', { ...MANIFEST, operations: [{ body: BODY }] }],
  ])('is refused at startup: %s', (_what, content) => {
    expect(() => load(manifest(content))).toThrow(ConfigError);
    expect(() => load(manifest(content))).toThrow(
      'OPERATIONS_MANIFEST must be the path of an apollo-persisted-query-manifest, version 1, or of a map of operation texts by id (not a manifest)',
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
