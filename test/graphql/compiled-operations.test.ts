import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  buildSchema,
  type GraphQLObjectType,
  type GraphQLScalarType,
  GraphQLSchema,
  getOperationAST,
  parse,
} from 'graphql';
import {
  CompiledOperations,
  type GraphQLRequestBody,
  stringifyResult,
} from '../../src/graphql/compiled-operations.js';
import { fallbacks, statements } from '../../src/observability/events.js';
import type { Context } from '../../src/session/context.js';
import { RequestReads } from '../../src/session/request-reads.js';
import { UserResolver } from '../../src/users/user.resolver.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { json, useServer } from '../helpers/server.js';

const { getQueryType } = GraphQLSchema.prototype;

type Body = GraphQLRequestBody & { query: string };

/** The reasons of the fallbacks since the test began. */
let reasons: string[];
const onFallback = ({ reason }: { reason: string }) => void reasons.push(reason);
beforeEach(() => {
  reasons = [];
  fallbacks.subscribe(onFallback);
});
afterEach(() => {
  fallbacks.unsubscribe(onFallback);
  jest.restoreAllMocks();
});

describeOnEachDatabase('A query', (kind) => {
  const server = useServer(kind);

  test.each(['B', ''])(
    'is refused, the first time and later, for the operation %j, which it does not have',
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
      expect(reasons).toEqual([]);
    },
  );

  test('whose answer has errors is run twice at most, compiled and then executed, and its reads are made once', async () => {
    const me = await server().addUser(['1']);
    let read = 0;
    const onStatement = () => void read++;
    const resolver = jest.spyOn(UserResolver.prototype, 'viewer');
    const query =
      '{ viewer { id createdAt installations { id } } user(id: "of another user") { id } }';
    statements.subscribe(onStatement);
    try {
      for (let time = 0; time < 3; time++) {
        resolver.mockClear();
        reasons = [];
        read = 0;
        const response = await server().graphql({ query }, { as: me });
        const { data, errors } = await json(response);
        expect(data).toMatchObject({ viewer: { id: me, installations: [{}] }, user: null });
        expect(errors).toHaveLength(1);
        expect(reasons).toEqual(['error_in_answer']);
        expect(resolver).toHaveBeenCalledTimes(2);
        // The user, and the list of installations.
        expect(read).toBe(2);
      }
    } finally {
      statements.unsubscribe(onStatement);
    }
  });

  test('whose compilation fails is answered by Apollo’s execution', async () => {
    const me = await server().addUser(['1']);
    const query = 'query Uncompiled { viewer { id } }';
    const spied = jest.spyOn(GraphQLSchema.prototype, 'getQueryType');
    spied.mockImplementation(function (this: GraphQLSchema) {
      if (new Error().stack?.includes('compile-query')) throw new Error('not compiled');
      return getQueryType.call(this);
    });
    for (let time = 0; time < 2; time++) {
      const response = await server().graphql({ query }, { as: me });
      expect(await json(response)).toEqual({ data: { viewer: { id: me } } });
    }
    expect(reasons).toEqual(['compiler_failed', 'compiler_failed']);
  });
});

describe('Compiled operations', () => {
  const schema = buildSchema(`
    type Query {
      greeting: String fails: Int! list: [Int] any: Any odd: Odd error: Raw later: Later
      page(size: Int): [Int] kept(value: Odd): Int
    }
    type Mutation { change: Int }
    type Later { greeting: String page(size: Int = 1): [Int] }
    scalar Odd
    scalar Raw
    union Any = Later | Query`);
  const { odd, error, later, page, list, any } = schema.getQueryType()?.getFields() ?? ({} as any);
  odd.resolve = () => 'odd';
  (schema.getType('Odd') as GraphQLScalarType).serialize = () => undefined;
  error.resolve = () => new Error('returned, not thrown');
  const greeting = Promise.resolve({ greeting: 'hello' });
  // biome-ignore lint/suspicious/noThenProperty: as query builders have it
  later.resolve = () => ({ then: greeting.then.bind(greeting) });
  list.resolve = () => [1, null];
  page.resolve = (_source: unknown, { size }: { size: number }) => Array(size).fill(0);
  any.resolve = () => ({ __typename: 'Later', greeting: 'any' });
  const caller = () => ({
    context: { viewer: null, log: {}, reads: new RequestReads() } as unknown as Context,
  });
  const info = jest.fn<(details: object, message?: string) => void>();
  beforeEach(() => void info.mockClear());
  const createCompiled = () => new CompiledOperations(schema, { info });

  /** Answers a request before its query is known, in Apollo Server's pipeline, and before the pipeline. */
  async function ask(body: Body, compiled = createCompiled()) {
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

  test.each<[string, Body, string]>([
    ['anonymous', { query: '{ __typename greeting }' }, '{"__typename":"Query","greeting":null}'],
    ['named', { query: 'query A { __typename }', operationName: 'A' }, '{"__typename":"Query"}'],
    ['lists', { query: '{ list }' }, '{"list":[1,null]}'],
    [
      'arguments',
      { query: 'query ($size: Int) { page(size: $size) }', variables: { size: 2 } },
      '{"page":[0,0]}',
    ],
    [
      'abstract types',
      { query: '{ any { __typename ... on Later { greeting } } }' },
      '{"any":{"__typename":"Later","greeting":"any"}}',
    ],
    ['thenables', { query: '{ later { greeting } }' }, '{"later":{"greeting":"hello"}}'],
    [
      'three conditions',
      {
        query: `query ($a: Boolean!, $b: Boolean!, $c: Boolean = true) {
          greeting @skip(if: $a) list @include(if: $b) __typename @skip(if: $c)
        }`,
        variables: { a: true, b: false },
      },
      '{}',
    ],
  ])('answer in the pipeline, and from then on before it: %s', async (_what, body, data) => {
    const answer = `{"data":${data}}\n`;
    expect(await ask(body)).toEqual([null, answer, answer]);
    expect(reasons).toEqual([]);
    expect(info).not.toHaveBeenCalled();
  });

  test('count each variant of a query towards the bound of remembered text', async () => {
    const compiled = createCompiled();
    const long = (text: string) => text.padEnd(50 * 1024, '.');
    const query = long(
      'query ($a: Boolean!, $b: Boolean!) { greeting @skip(if: $a) __typename @skip(if: $b) } #',
    );
    const variables = { a: true, b: false };
    const answer = '{"data":{"__typename":"Query"}}\n';
    expect(await ask({ query, variables }, compiled)).toEqual([null, answer, answer]);
    // Four variants and one query fit; a second query is too many.
    const others = [long('{ greeting } #'), long('{ __typename } #')];
    for (const query of others) await ask({ query }, compiled);
    const known = others.map(
      async (query) => (await compiled.answer({ query }, caller())) !== null,
    );
    expect(await compiled.answer({ query, variables }, caller())).toBeNull();
    expect(await Promise.all(known)).toEqual([true, true]);
  });

  test('remember long queries up to 256 KiB of text together', async () => {
    const compiled = createCompiled();
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

  test('keep nothing of the variables of the first request for a query', async () => {
    const query =
      'query ($value: Odd, $a: Boolean!) { greeting @skip(if: $a) kept(value: $value) }';
    const compiled = createCompiled();
    const seen: WeakRef<object>[] = [];
    (schema.getType('Odd') as GraphQLScalarType).parseValue = () => {
      const value = {};
      seen.push(new WeakRef(value));
      return value;
    };
    const variables = { value: 1, a: true };
    expect((await ask({ query, variables }, compiled))[2]).toBe('{"data":{"kept":null}}\n');
    await setImmediate();
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter((value) => value.deref())).toEqual([]);
  });

  test.each<[string, string, Body]>([
    ['null for a field that is not null', 'error_in_answer', { query: '{ fails }' }],
    ['scalars that serialize to nothing', 'error_in_answer', { query: '{ odd }' }],
    ['errors that are returned', 'error_in_answer', { query: '{ error }' }],
    [
      'variables of another type',
      'error_in_answer',
      { query: 'query ($size: Int) { page(size: $size) }', variables: { size: 'two' } },
    ],
    [
      'conditions that are null',
      'error_in_answer',
      { query: 'query ($a: Boolean = true) { greeting @skip(if: $a) }', variables: { a: null } },
    ],
    [
      'several operations',
      'several_operations',
      { query: 'query A { __typename } query B { __typename }', operationName: 'A' },
    ],
    ['introspection', 'introspection', { query: '{ __schema { description } }' }],
    ['mutations', 'not_a_query', { query: 'mutation { change }' }],
    [
      'more than three conditions',
      'too_many_variants',
      {
        query: `query ($a: Boolean!, $b: Boolean!, $c: Boolean!, $d: Boolean!) {
          greeting @skip(if: $a) @include(if: $b) __typename @skip(if: $c) @include(if: $d)
        }`,
        variables: { a: true, b: true, c: true, d: true },
      },
    ],
  ])('fall back, which is counted by its reason: %s', async (_what, reason, body) => {
    const compiled = createCompiled();
    const { length } = reasons;
    expect(await ask(body, compiled)).toEqual([null, null, null]);
    const counted = reasons.slice(length);
    expect(new Set(counted)).toEqual(new Set([reason]));
    // A query that was compiled is tried again before the pipeline; any other one waits for it.
    expect(counted).toHaveLength(reason === 'error_in_answer' ? 2 : 1);
  });

  test('count a fallback once where it is before the pipeline', async () => {
    const compiled = createCompiled();
    const body = { query: '{ fails }' };
    await ask(body, compiled);
    reasons = [];
    // Twice before the pipeline, and in the pipeline of the first one.
    expect(await ask(body, compiled)).toEqual([null, null, null]);
    expect(reasons).toEqual(['error_in_answer', 'error_in_answer']);
  });

  test('log a fallback once for each reason', async () => {
    const compiled = createCompiled();
    const bodies = ['{ fails }', '{ odd }', '{ __schema { description } }', 'mutation { change }'];
    for (const query of [...bodies, ...bodies]) await ask({ query }, compiled);
    const logged = info.mock.calls.map(([details]: any) => details.reason);
    expect(logged).toEqual(['error_in_answer', 'introspection', 'not_a_query']);
  });

  const fieldsOf = (type: string) =>
    jest.spyOn(schema.getType(type) as GraphQLObjectType, 'getFields');
  test.each<[string, () => { mockImplementation(work: () => never): unknown }]>([
    ['the document', () => jest.spyOn(schema, 'getQueryType')],
    ['a variant', () => fieldsOf('Query')],
    ['an object of an abstract type', () => fieldsOf('Later')],
  ])('fall back and log it once where the compiler fails for %s', async (_what, spyOn) => {
    const compiled = createCompiled();
    spyOn().mockImplementation(() => {
      throw new Error('not compiled');
    });
    for (const name of ['A', 'B']) {
      const query = `query ${name} { any { ... on Later { greeting } } }`;
      expect(await ask({ query }, compiled)).toEqual([null, null, null]);
    }
    expect(new Set(reasons)).toEqual(new Set(['compiler_failed']));
    const logged = info.mock.calls.filter(([details]: any) => 'reason' in details);
    expect(logged.map(([details]: any) => details.reason)).toEqual(['compiler_failed']);
  });

  test.each<[string, Body]>([
    ['the name of another operation', { query: 'query A { __typename }', operationName: 'B' }],
    ['persisted queries', { query: '{ greeting }', extensions: { persistedQuery: {} } }],
    ['extensions that are no object', { query: '{ greeting }', extensions: [] }],
    ['variables that are no object', { query: '{ greeting }', variables: [] }],
    ['unknown members', { query: '{ greeting }', other: true }],
  ])('do not answer before the pipeline, which checks the request: %s', async (_what, body) => {
    const compiled = createCompiled();
    await ask({ query: body.query }, compiled);
    expect(await compiled.answer({ query: body.query }, caller())).not.toBeNull();
    expect(await compiled.answer(body, caller())).toBeNull();
    expect(reasons).toEqual([]);
  });
});
