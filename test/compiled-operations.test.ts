import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { buildSchema, parse } from 'graphql';
import { CompiledOperations, type GraphQLRequestBody } from '../src/compiled-operations.js';
import type { Context } from '../src/context.js';
import { describeOnEachDatabase } from './helpers/databases.js';
import { useServer } from './helpers/server.js';

const USER_FIELDS = ['id', 'createdAt', 'updatedAt', '__typename'];
const INSTALLATION_FIELDS = [
  'id',
  'neptunUserId',
  'githubInstallationId',
  'createdAt',
  '__typename',
];

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: '' });
const directive = fc.constantFrom(
  '@include(if: $yes)',
  '@skip(if: $yes)',
  '@include(if: $no)',
  '@skip(if: false)',
  '@skip(if: $no) @include(if: $yes)',
);
/** Few aliases, so that some fields merge and some conflict. */
const alias = fc.constantFrom('a: ', 'b: ', '__proto__: ');
const field = (names: string[]) =>
  fc
    .tuple(maybe(alias), fc.constantFrom(...names), maybe(directive))
    .map((parts) => parts.join(' '));
const selection = (type: string, field: fc.Arbitrary<string>, fragment: string) =>
  fc
    .array(
      fc.oneof(
        { weight: 4, arbitrary: field },
        { weight: 1, arbitrary: maybe(directive).map((on) => `...${fragment} ${on}`) },
        { weight: 1, arbitrary: field.map((inner) => `... on ${type} { ${inner} }`) },
      ),
      { minLength: 1, maxLength: 5 },
    )
    .map((parts) => `{ ${parts.join(' ')} }`);

const installation = selection('GithubAppInstallation', field(INSTALLATION_FIELDS), 'I');
const user = selection(
  'User',
  fc.oneof(
    field(USER_FIELDS),
    fc
      .tuple(maybe(alias), maybe(directive), installation)
      .map(([a, on, inner]) => `${a}installations ${on} ${inner}`),
  ),
  'U',
);
const argument = fc.constantFrom('$me', '$me', '$me', '$other', '"nobody"', '17', '"\\u0000"');
const root = fc.oneof(
  fc
    .tuple(maybe(alias), argument, maybe(directive), user)
    .map(([a, id, on, inner]) => `${a}user(id: ${id}) ${on} ${inner}`),
  fc
    .tuple(maybe(alias), maybe(directive), user)
    .map(([a, on, inner]) => `${a}viewer ${on} ${inner}`),
  fc.constantFrom('__typename', '__schema { queryType { name } }'),
);
const VARIABLES = { me: 'ID!', other: 'ID!', yes: 'Boolean!', no: 'Boolean = false' };
const FRAGMENTS = [
  'fragment U on User { updatedAt installations { ...I } }',
  'fragment I on GithubAppInstallation { githubInstallationId created: createdAt @skip(if: $no) }',
];

/** Declares what the fields use, and nothing else, as the specification asks. */
const operation = fc.array(root, { minLength: 1, maxLength: 3 }).map((fields) => {
  let document = `{ ${fields.join(' ')} }`;
  for (const fragment of FRAGMENTS) {
    const name = fragment.split(' ')[1];
    if (document.includes(`...${name}`)) document += `\n${fragment}`;
  }
  const used = Object.entries(VARIABLES).filter(([name]) => document.includes(`$${name}`));
  const declared = used.map(([name, type]) => `$${name}: ${type}`);
  return `query Q${declared.length > 0 ? `(${declared.join(', ')})` : ''} ${document}`;
});

describeOnEachDatabase('A query that comes again', (kind) => {
  const server = useServer(kind);

  test('is answered by its compiled form with the bytes of the ordinary execution', async () => {
    const me = await server().addUser(['98765432101', '12']);
    const other = await server().addUser(['3']);
    const rarely = fc.integer({ min: 0, max: 9 }).map((number) => number === 0);
    const usualAccept = fc.constantFrom(
      '*/*',
      'application/json',
      'application/graphql-response+json,application/json;q=0.9',
      'text/html;q=0.1, application/json',
    );
    let data = 0;
    await fc.assert(
      fc.asyncProperty(
        operation,
        fc.boolean(),
        fc.boolean(),
        rarely,
        usualAccept,
        async (query, anonymous, yes, wrong, accept) => {
          const variables = { me, other: wrong ? [] : other, yes };
          const ask = async () => {
            const response = await server().graphql(
              { query, variables },
              { as: anonymous ? null : me, headers: { accept } },
            );
            const headers = ['content-type', 'content-length', 'cache-control', 'vary', 'etag'];
            return {
              status: response.status,
              headers: headers.map((name) => response.headers.get(name)),
              text: await response.text(),
            };
          };
          const [ordinary, second, third] = [await ask(), await ask(), await ask()];
          expect(second).toEqual(ordinary);
          expect(third).toEqual(ordinary);
          if (ordinary.status === 200 && !ordinary.text.includes('"errors"')) data++;
        },
      ),
      { numRuns: 300 },
    );
    expect(data).toBeGreaterThan(50);
  }, 60_000);
});

describe('Compiled operations', () => {
  const schema = buildSchema(`
    type Query { greeting: String fails: Int! list: [Int] any: Any }
    union Any = Query`);
  const caller = { context: {} as Context };

  /** Answers a request before it is learnt, and after it was learnt twice. */
  async function ask(body: GraphQLRequestBody & { query: string }) {
    const compiled = new CompiledOperations(schema);
    const { didResolveOperation } = ((await compiled.plugin.requestDidStart?.({} as any)) ??
      {}) as any;
    const answers = [];
    for (let time = 0; time < 3; time++) {
      answers.push(await compiled.answer(body, caller));
      await didResolveOperation({ source: body.query, document: parse(body.query) });
    }
    return answers;
  }

  test('take over at the third time, and not before', async () => {
    const answer = '{"data":{"__typename":"Query","greeting":null}}\n';
    expect(await ask({ query: '{ __typename greeting }' })).toEqual([null, null, answer]);
    const named = { query: 'query A { __typename greeting }', operationName: 'A' };
    expect(await ask(named)).toEqual([null, null, answer]);
  });

  test.each<[string, GraphQLRequestBody & { query: string }]>([
    ['errors', { query: '{ fails }' }],
    ['several operations', { query: 'query A { __typename } query B { __typename }' }],
    ['another operation', { query: 'query A { __typename }', operationName: 'B' }],
    ['lists that their fields do not write', { query: '{ list }' }],
    ['abstract types', { query: '{ any { __typename } }' }],
    ['introspection', { query: '{ __schema { description } }' }],
    ['directives', { query: '{ greeting @skip(if: true) }' }],
    ['persisted queries', { query: '{ greeting }', extensions: { persistedQuery: {} } }],
    ['variables that are no object', { query: '{ greeting }', variables: [] }],
  ])('leave to Apollo Server: %s', async (_what, body) => {
    expect(await ask(body)).toEqual([null, null, null]);
  });
});
