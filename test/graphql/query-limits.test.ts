import { describe, expect, test } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { json, useServer } from '../helpers/server.js';

const aliases = (count: number, field: string) =>
  Array.from({ length: count }, (_, n) => `a${n}: ${field}`).join(' ');
const nested = (depth: number, inner: string) => '{ x '.repeat(depth) + inner + ' }'.repeat(depth);

describe('The limits of a query', () => {
  const server = useServer('PGlite', { NODE_ENV: 'development' });

  /** The message of a refusal; empty if the query is accepted. */
  async function refusal(query: string): Promise<string> {
    const response = await server().graphql({ query });
    const [{ message, extensions }] = (await json(response)).errors ?? [{}];
    if (extensions?.code !== 'QUERY_TOO_COMPLEX') return '';
    expect(response.status).toBe(400);
    return message;
  }

  test.each([
    [nested(11, '{ y }'), 'The query is 12 levels deep; at most 10 are allowed'],
    [`{ viewer { ...F } } fragment F on User ${nested(10, '{ y }')}`, '12 levels'],
    [`{ viewer { ... on User { ... ${nested(10, '{ y }')} } } }`, '12 levels'],
    [`{ ${aliases(31, '__typename')} }`, 'The query has 31 aliases; at most 30 are allowed'],
    [`{ viewer { ${aliases(31, 'id')} } }`, '31 aliases'],
    [`{ viewer { ... on User { ${aliases(31, 'id')} } } }`, '31 aliases'],
    [
      `{ viewer { ...F ...F ...F ...F } } fragment F on User { ${aliases(8, 'id')} }`,
      'The query has 32 aliases',
    ],
    [
      `{ viewer { id ${'@skip(if: false) '.repeat(21)} } }`,
      'The query has 21 directives; at most 20 are allowed',
    ],
    [
      `{ viewer { ...F ...F ...F } } fragment F on User { id ${'@x '.repeat(7)} }`,
      'The query has 21 directives',
    ],
    [`query ${'@x '.repeat(21)} { viewer { id } }`, '21 directives'],
    [
      `{ ${'__typename '.repeat(401)} }`,
      'The query costs 401: 10 for each field that has fields of its own, and 1 for any other; at most 400',
    ],
    [`{ ${'viewer { installations { id } } '.repeat(20)} }`, 'The query costs 420'],
    [`{ __schema { ${'types { name } '.repeat(200)} } }`, 'The query costs 401'],
    [
      `{ viewer { installations { ${aliases(11, 'repositories { totalCount }')} } } }`,
      'The query has pages of 330 rows together (`first`); at most 300 are allowed',
    ],
    [
      `query ($n: Int) { viewer { installations { ${aliases(4, 'repositories(first: $n) { totalCount }')} } } }`,
      'pages of 400 rows',
    ],
    [`{ viewer { id } } fragment Unused on User { ${aliases(31, 'id')} }`, '31 aliases'],
    [`query A { viewer { id } } query B { ${aliases(31, '__typename')} }`, '31 aliases'],
  ])('are reported with the measured value: %s', async (query, message) => {
    expect(await refusal(query)).toContain(message);
  });

  test.each([
    nested(9, '{ y }'),
    `{ ${aliases(30, '__typename')} }`,
    `{ viewer { id ${'@skip(if: false) '.repeat(20)} } }`,
    `{ ${'__typename '.repeat(400)} }`,
    `{ ${'viewer { installations { id } } '.repeat(19)} __typename }`,
    `{ viewer { installations { ${aliases(3, 'repositories(first: 100) { totalCount }')} } } }`,
    `{ viewer { installations { ${aliases(10, 'repositories { totalCount }')} } } }`,
    '{ viewer { ...F } } fragment F on User { ...F }',
  ])('accept a query at the limit: %s', async (query) => {
    expect(await refusal(query)).toBe('');
  });

  test('apply to repeated queries, and to fragments that expand to 2^90 fields', async () => {
    const doubling = Array.from(
      { length: 90 },
      (_, n) => `fragment F${n} on User { ...F${n + 1} ...F${n + 1} }`,
    );
    const query = `{ viewer { ...F0 } } ${doubling.join(' ')} fragment F90 on User { id }`;
    for (let time = 0; time < 4; time++)
      expect(await refusal(query)).toMatch(/costs 1\.23\d+e\+27/);
  });

  test('are the only error of a query that exceeds them', async () => {
    const query = `{ nonsense ${aliases(31, 'nonsense')} }`;
    expect((await json(await server().graphql({ query }))).errors).toHaveLength(1);
  });

  test('accept the introspection query of IDEs and code generators', async () => {
    const query = getIntrospectionQuery({
      descriptions: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      oneOf: true,
    });
    const response = await server().graphql({ query });
    expect(response.status).toBe(200);
    expect((await json(response)).data.__schema.queryType.name).toBe('Query');
  });

  test.each([
    ['tokens', `{ viewer { ${'id '.repeat(1_000)} } }`, /1000 tokens/],
    ['characters', `{ viewer { id } } ${','.repeat(32 * 1024)}`, /32768 UTF-16 code units/],
    ['comments', `{ viewer { id } } ${'#\n'.repeat(201)}`, /200 comments/],
  ])('stop the parser at too many %s', async (_what, query, message) => {
    const response = await server().graphql({ query });
    expect(response.status).toBe(400);
    expect((await json(response)).errors).toMatchObject([
      { message: expect.stringMatching(message), extensions: { code: 'GRAPHQL_PARSE_FAILED' } },
    ]);
  });

  test('refuse a body above 128 KiB', async () => {
    const ask = async (length: number) => {
      const body = JSON.stringify({ query: '{ __typename }', variables: { a: '' } });
      const padded = body.replace('""', `"${'x'.repeat(length - body.length)}"`);
      return server().graphql({}, { body: padded });
    };
    expect((await ask(128 * 1024)).status).toBe(200);
    const refused = await ask(128 * 1024 + 1);
    expect([refused.status, (await json(refused)).errors[0]]).toEqual([
      400,
      {
        message: 'The request has 131073 characters; at most 131072 are allowed',
        extensions: { code: 'QUERY_TOO_COMPLEX' },
      },
    ]);
  });

  test('stop validation after a few errors', async () => {
    const query = `{ ${Array.from({ length: 50 }, (_, n) => `nonsense${n}`).join(' ')} }`;
    expect((await json(await server().graphql({ query }))).errors).toHaveLength(6);
  });
});
