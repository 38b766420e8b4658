import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { buildSchema, type GraphQLScalarType, parse } from 'graphql';
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
  'updatedAt',
  '__typename',
];
const VARIABLES = { me: 'ID!', other: 'ID!', yes: 'Boolean!', no: 'Boolean = false' };

/** One time in two. */
const maybe = (text: fc.Arbitrary<string>) => fc.option(text, { nil: '', freq: 1 });
const sometimes = (text: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 1, arbitrary: text }, { weight: 5, arbitrary: fc.constant('') });
const directive = fc.constantFrom(
  '@include(if: $yes)',
  '@skip(if: $yes)',
  '@include(if: $no)',
  '@skip(if: false)',
  '@skip(if: $no) @include(if: $yes)',
);
/** Few aliases, so that some fields merge and some conflict. */
const alias = fc.constantFrom('a: ', 'b: ', '__proto__: ');

/** Queries, of which those without directives are compiled. */
function query(directives: boolean): fc.Arbitrary<string> {
  const on = directives ? sometimes(directive) : fc.constant('');
  const join = (...parts: fc.Arbitrary<string>[]) =>
    fc.tuple(...parts).map((texts) => texts.join(' '));
  const field = (names: string[]) => join(sometimes(alias), fc.constantFrom(...names), on);
  const selection = (type: string, field: fc.Arbitrary<string>, fragment: string) =>
    fc
      .array(
        fc.oneof(
          { weight: 4, arbitrary: field },
          { weight: 1, arbitrary: join(fc.constant(`...${fragment}`), on) },
          { weight: 1, arbitrary: field.map((inner) => `... on ${type} { ${inner} }`) },
        ),
        { minLength: 1, maxLength: 5 },
      )
      .map((parts) => `{ ${parts.join(' ')} }`);

  const installation = selection('GithubAppInstallation', field(INSTALLATION_FIELDS), 'I');
  const installations = join(sometimes(alias), fc.constant('installations'), on, installation);
  const user = selection('User', fc.oneof(field(USER_FIELDS), installations), 'U');
  const id = fc.oneof(
    { weight: 9, arbitrary: fc.constant('$me') },
    { weight: 1, arbitrary: fc.constantFrom('$other', '"nobody"', '17', '"\\u0000"') },
  );
  const root = fc.oneof(
    {
      weight: 4,
      arbitrary: join(
        maybe(alias),
        id.map((id) => `user(id: ${id})`),
        on,
        user,
      ),
    },
    { weight: 4, arbitrary: join(maybe(alias), fc.constant('viewer'), on, user) },
    { weight: 1, arbitrary: fc.constantFrom('__typename', '__schema { queryType { name } }') },
  );
  const fragments = [
    'fragment U on User { updatedAt installations { ...I } }',
    `fragment I on GithubAppInstallation { githubInstallationId created: createdAt ${directives ? '@skip(if: $no)' : ''} }`,
  ];

  /** Declares what the fields use, and nothing else, as the specification asks. */
  return fc.array(root, { minLength: 1, maxLength: 2 }).map((fields) => {
    let document = `{ ${fields.join(' ')} }`;
    for (const fragment of fragments) {
      const name = fragment.split(' ')[1];
      if (document.includes(`...${name}`)) document += `\n${fragment}`;
    }
    const used = Object.entries(VARIABLES).filter(([name]) => document.includes(`$${name}`));
    const declared = used.map(([name, type]) => `$${name}: ${type}`);
    return `query Q${declared.length > 0 ? `(${declared.join(', ')})` : ''} ${document}`;
  });
}

describeOnEachDatabase('A query that comes again', (kind) => {
  const server = useServer(kind);

  test('is answered by its compiled form with the bytes of the ordinary execution', async () => {
    const me = await server().addUser(['98765432101', '12', '-5']);
    const other = await server().addUser(['3']);
    const rarely = fc.integer({ min: 0, max: 9 }).map((number) => number === 0);
    const usualAccept = fc.constantFrom(
      '*/*',
      'application/json',
      'application/graphql-response+json,application/json;q=0.9',
      'text/html;q=0.1, application/json',
    );
    const compiled = jest.spyOn(CompiledOperations.prototype, 'answer');
    let number = 0;
    const answers = { errors: 0, compiled: 0, withFragments: 0, withLists: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(query(false), query(true)),
        rarely,
        fc.boolean(),
        rarely,
        usualAccept,
        async (generated, anonymous, yes, wrong, accept) => {
          // No text comes again by chance: the first answer is Apollo Server's own.
          const query = `${generated}\n# ${++number}`;
          const variables = { me, other: wrong ? [] : other, yes };
          const ask = async () => {
            compiled.mockClear();
            const response = await server().graphql(
              { query, variables },
              { as: anonymous ? null : me, headers: { accept } },
            );
            const headers = Object.fromEntries(response.headers);
            for (const name of ['date', 'x-request-id']) delete headers[name];
            return { status: response.status, headers, text: await response.text() };
          };
          const ordinary = await ask();
          expect(await ask()).toEqual(ordinary);
          expect(await ask()).toEqual(ordinary);
          const isCompiled = ((await compiled.mock.results[0]?.value) ?? null) !== null;
          if (ordinary.text.includes('"errors"')) {
            expect(isCompiled).toBe(false);
            answers.errors++;
          }
          if (!isCompiled) return;
          answers.compiled++;
          if (query.includes('\nfragment')) answers.withFragments++;
          if (ordinary.text.includes('[{')) answers.withLists++;
        },
      ),
      { numRuns: 400 },
    );
    compiled.mockRestore();
    // Of each many, so that it is the compiled form that was compared.
    for (const count of Object.values(answers)) expect(count).toBeGreaterThan(20);
  }, 60_000);
});

describe('Compiled operations', () => {
  const schema = buildSchema(`
    type Query { greeting: String fails: Int! list: [Int] any: Any odd: Odd error: Raw later: Later page(size: Int): [Int] }
    type Later { greeting: String }
    scalar Odd
    scalar Raw
    union Any = Query`);
  const { odd, error, later, page } = schema.getQueryType()?.getFields() ?? ({} as any);
  odd.resolve = () => 'odd';
  (schema.getType('Odd') as GraphQLScalarType).serialize = () => undefined;
  error.resolve = () => new Error('returned, not thrown');
  later.resolve = () => ({
    // biome-ignore lint/suspicious/noThenProperty: as query builders have it
    then: (resolve: (value: unknown) => void) => resolve({ greeting: 'hello' }),
  });
  page.extensions = { compile: () => () => '[1,2,3]' };
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

  test('wait for whatever has a then', async () => {
    const answer = '{"data":{"later":{"greeting":"hello"}}}\n';
    expect(await ask({ query: '{ later { greeting } }' })).toEqual([null, null, answer]);
  });

  test('remember long queries only as far as their text is a mebibyte together', async () => {
    const compiled = new CompiledOperations(schema);
    const { didResolveOperation } = ((await compiled.plugin.requestDidStart?.({} as any)) ??
      {}) as any;
    const queries = Array.from({ length: 100 }, (_, number) =>
      `query Q${number} { __typename } #`.padEnd(32 * 1024, '.'),
    );
    for (const query of queries) {
      const learnt = { source: query, document: parse(query) };
      for (let time = 0; time < 2; time++) await didResolveOperation(learnt);
    }
    const answers = await Promise.all(queries.map((query) => compiled.answer({ query }, caller)));
    expect(answers.map((answer) => answer !== null)).toEqual([
      ...Array(68).fill(false),
      ...Array(32).fill(true),
    ]);
  });

  test.each<[string, GraphQLRequestBody & { query: string }]>([
    ['errors', { query: '{ fails }' }],
    ['several operations', { query: 'query A { __typename } query B { __typename }' }],
    ['another operation', { query: 'query A { __typename }', operationName: 'B' }],
    ['lists that their fields do not write', { query: '{ list }' }],
    ['lists of arguments', { query: '{ page(size: 1) }' }],
    ['values that are none when they are written', { query: '{ odd }' }],
    ['errors that are returned', { query: '{ error }' }],
    ['abstract types', { query: '{ any { __typename } }' }],
    ['introspection', { query: '{ __schema { description } }' }],
    ['directives', { query: '{ greeting @skip(if: true) }' }],
    ['persisted queries', { query: '{ greeting }', extensions: { persistedQuery: {} } }],
    ['variables that are no object', { query: '{ greeting }', variables: [] }],
  ])('leave to Apollo Server: %s', async (_what, body) => {
    expect(await ask(body)).toEqual([null, null, null]);
  });
});
