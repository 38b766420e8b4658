import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import {
  buildSchema,
  type GraphQLObjectType,
  type GraphQLScalarType,
  getOperationAST,
  parse,
} from 'graphql';
import {
  CompiledOperations,
  type GraphQLRequestBody,
  stringifyResult,
} from '../../src/graphql/compiled-operations.js';
import type { Context } from '../../src/session/context.js';
import { UserService } from '../../src/users/access.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { json, useServer } from '../helpers/server.js';

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

/** Apollo Server executes it by itself where there is another operation, though nobody asks for that one. */
const BESIDE = '\nquery Beside { __typename }';

describeOnEachDatabase('A query', (kind) => {
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
    const answers = { errors: 0, compiled: 0, withFragments: 0, withLists: 0, withDirectives: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(query(false), query(true)),
        rarely,
        fc.array(fc.boolean(), { minLength: 1, maxLength: 3 }),
        rarely,
        usualAccept,
        async (query, anonymous, conditions, wrong, accept) => {
          const ask = async (query: string, yes: boolean | undefined) => {
            compiled.mockClear();
            const response = await server().graphql(
              { query, operationName: 'Q', variables: { me, other: wrong ? [] : other, yes } },
              { as: anonymous ? null : me, headers: { accept } },
            );
            const headers = Object.fromEntries(response.headers);
            for (const name of ['date', 'x-request-id']) delete headers[name];
            return { status: response.status, headers, text: await response.text() };
          };
          for (const yes of conditions) {
            const ordinary = await ask(query + BESIDE, yes);
            // By Apollo Server's pipeline first, where it is compiled; and then before it.
            expect(await ask(query, yes)).toEqual(ordinary);
            expect(await ask(query, yes)).toEqual(ordinary);
            const isCompiled = ((await compiled.mock.results[0]?.value) ?? null) !== null;
            if (ordinary.text.includes('"errors"')) {
              expect(isCompiled).toBe(false);
              answers.errors++;
            }
            if (!isCompiled) continue;
            answers.compiled++;
            if (query.includes('\nfragment')) answers.withFragments++;
            if (ordinary.text.includes('[{')) answers.withLists++;
            if (/@.*\$yes/.test(query)) answers.withDirectives++;
          }
        },
      ),
      { numRuns: 400 },
    );
    compiled.mockRestore();
    // Of each many, so that it is the compiled form that was compared.
    for (const count of Object.values(answers)) expect(count).toBeGreaterThan(20);
  }, 60_000);

  test.each(['B', ''])(
    'is refused, the first time and later, for the operation %j it has not',
    async (operationName) => {
      const query = `query A { __typename # ${operationName}\n}`;
      const search = new URLSearchParams({ query, operationName });
      const headers = { 'apollo-require-preflight': 'true' };
      const ask = async () => [
        await server().graphql({ query, operationName }),
        await fetch(`${server().url}/graphql?${search}`, { headers }),
      ];
      const unknown = await ask();
      expect((await server().graphql({ query })).status).toBe(200);
      for (const response of [...unknown, ...(await ask())]) {
        expect(response.status).toBe(400);
        const [error] = (await json(response)).errors;
        expect(error.message).toBe(`Unknown operation named "${operationName}".`);
      }
    },
  );

  test('whose answer has errors is tried once in its compiled form', async () => {
    const find = jest.spyOn(UserService.prototype, 'findViewer');
    for (let time = 0; time < 3; time++) {
      find.mockClear();
      await server().graphql({ query: '{ viewer { once: id } }' });
      // And executed by Apollo Server.
      expect(find).toHaveBeenCalledTimes(2);
    }
    find.mockRestore();
  });
});

describe('Compiled operations', () => {
  const schema = buildSchema(`
    type Query { greeting: String fails: Int! list: [Int] any: Any odd: Odd error: Raw later: Later page(size: Int): [Int] kept(value: Odd): Int }
    type Later { greeting: String page: [Int] }
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
  const caller = () => ({ context: {} as Context });
  const pageOfLater = (schema.getType('Later') as GraphQLObjectType).getFields().page as any;

  /** Answers a request before its query is known, in Apollo Server's pipeline, and before that. */
  async function ask(
    body: GraphQLRequestBody & { query: string },
    compiled = new CompiledOperations(schema),
  ) {
    const hooks = (await compiled.plugin.requestDidStart?.({} as any)) as any;
    const document = parse(body.query);
    const { context } = caller();
    const unknown = await compiled.answer(body, { context });
    const response = await hooks.responseForOperation({
      source: body.query,
      document,
      operation: getOperationAST(document, body.operationName as string),
      request: body,
      // As Apollo Server copies it.
      contextValue: { ...context },
    });
    const inPipeline = response && stringifyResult(response.body.singleResult);
    return [unknown, inPipeline, await compiled.answer(body, caller())];
  }

  test('answer in the pipeline, and from then on before it', async () => {
    const answer = '{"data":{"__typename":"Query","greeting":null}}\n';
    expect(await ask({ query: '{ __typename greeting }' })).toEqual([null, answer, answer]);
    const named = { query: 'query A { __typename greeting }', operationName: 'A' };
    expect(await ask(named)).toEqual([null, answer, answer]);
  });

  test('wait for whatever has a then', async () => {
    const answer = '{"data":{"later":{"greeting":"hello"}}}\n';
    expect(await ask({ query: '{ later { greeting } }' })).toEqual([null, answer, answer]);
  });

  test('count the forms that directives give to a query as so many queries', async () => {
    const compiled = new CompiledOperations(schema);
    const long = (text: string) => text.padEnd(50 * 1024, '.');
    const query = long(
      'query ($a: Boolean!, $b: Boolean!) { greeting @skip(if: $a) __typename @skip(if: $b) } #',
    );
    const variables = { a: true, b: false };
    const answer = '{"data":{"__typename":"Query"}}\n';
    expect(await ask({ query, variables }, compiled)).toEqual([null, answer, answer]);
    // Five together: one more is too many, though they are three texts.
    const others = [long('{ greeting } #'), long('{ __typename } #')];
    for (const query of others) await ask({ query }, compiled);
    const known = others.map(
      async (query) => (await compiled.answer({ query }, caller())) !== null,
    );
    expect(await compiled.answer({ query, variables }, caller())).toBeNull();
    expect(await Promise.all(known)).toEqual([true, true]);
  });

  test('remember long queries only as far as their text is 256 KiB together', async () => {
    const compiled = new CompiledOperations(schema);
    const queries = Array.from({ length: 100 }, (_, number) =>
      `query Q${number} { __typename } #`.padEnd(32 * 1024, '.'),
    );
    for (const query of queries) await ask({ query }, compiled);
    const answers = await Promise.all(queries.map((query) => compiled.answer({ query }, caller())));
    expect(answers.map((answer) => answer !== null)).toEqual([
      ...Array(92).fill(false),
      ...Array(8).fill(true),
    ]);
  });

  test('write no list of an answer that has failed before', async () => {
    const write = jest.fn(() => '[1,2,3]');
    pageOfLater.extensions = { compile: () => write };
    const answer = '{"data":{"later":{"page":[1,2,3]}}}\n';
    expect(await ask({ query: '{ later { page } }' })).toEqual([null, answer, answer]);
    expect(write).toHaveBeenCalled();
    write.mockClear();
    const resolve = later.resolve;
    later.resolve = () => setImmediate({});
    try {
      expect(await ask({ query: '{ fails later { page } }' })).toEqual([null, null, null]);
      await setImmediate();
    } finally {
      later.resolve = resolve;
    }
    expect(write).not.toHaveBeenCalled();
  });

  test('keep nothing of the variables that a query was first asked with', async () => {
    const query = 'query ($page: Int, $a: Boolean!) { greeting @skip(if: $a) kept(value: $page) }';
    const compiled = new CompiledOperations(schema);
    const seen: WeakRef<object>[] = [];
    (schema.getType('Odd') as GraphQLScalarType).parseValue = () => {
      const value = {};
      seen.push(new WeakRef(value));
      return value;
    };
    await ask({ query: query.replace('Int', 'Odd'), variables: { page: 1, a: true } }, compiled);
    await setImmediate();
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter((value) => value.deref())).toEqual([]);
  });

  test.each<[string, GraphQLRequestBody & { query: string }]>([
    ['errors', { query: '{ fails }' }],
    ['several operations', { query: 'query A { __typename } query B { __typename }' }],
    ['lists that their fields do not write', { query: '{ list }' }],
    ['lists with arguments', { query: '{ page(size: 1) }' }],
    ['values that are none when they are written', { query: '{ odd }' }],
    ['errors that are returned', { query: '{ error }' }],
    ['abstract types', { query: '{ any { __typename } }' }],
    ['introspection', { query: '{ __schema { description } }' }],
    [
      'very many conditions',
      {
        query: `query ($a: Boolean!, $b: Boolean!, $c: Boolean!, $d: Boolean!) {
          greeting @skip(if: $a) @include(if: $b) __typename @skip(if: $c) @include(if: $d)
        }`,
        variables: { a: true, b: true, c: true, d: true },
      },
    ],
    [
      'conditions that are null',
      { query: 'query ($a: Boolean = true) { greeting @skip(if: $a) }', variables: { a: null } },
    ],
  ])('leave to Apollo Server: %s', async (_what, body) => {
    expect(await ask(body)).toEqual([null, null, null]);
  });

  test.each<[string, GraphQLRequestBody & { query: string }]>([
    ['another operation', { query: 'query A { __typename }', operationName: 'B' }],
    ['persisted queries', { query: '{ greeting }', extensions: { persistedQuery: {} } }],
    ['variables that are no object', { query: '{ greeting }', variables: [] }],
    ['members that nobody knows', { query: '{ greeting }', other: true }],
  ])('leave to Apollo Server, which checks the request first: %s', async (_what, body) => {
    const compiled = new CompiledOperations(schema);
    await ask({ query: body.query }, compiled);
    expect(await compiled.answer({ query: body.query }, caller())).not.toBeNull();
    expect(await compiled.answer(body, caller())).toBeNull();
  });
});
