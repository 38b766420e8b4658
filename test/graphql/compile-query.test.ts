import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  buildSchema,
  execute,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLScalarType,
  type GraphQLSchema,
  parse,
  validate,
} from 'graphql';
import { type CompiledQuery, compileQuery } from '../../src/graphql/compile-query.js';
import { ExecutionComparison, ServerComparison } from '../helpers/comparisons.js';
import { createCompiledSchema, SCALARS } from '../helpers/compiled-schema.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { randomOperations, unfilteredOperations } from '../helpers/random-operations.js';
import { useServer } from '../helpers/server.js';

const RUNS = 2_000;
/** Over HTTP; the embedded database is the slower one. */
const SERVER_RUNS = { PGlite: 100, PostgreSQL: 200 };
/** Features of operations that were compared, each in so many of them at least. */
const FEATURES = ['compiled', 'fragments', 'inline fragments', 'directives', 'arguments', 'lists'];

type Resolver = GraphQLFieldResolver<any, any>;

const schema = createCompiledSchema();

describe('Random operations', () => {
  test('are nearly all valid before they are filtered', () => {
    const operations = fc.sample(unfilteredOperations(schema, { scalars: SCALARS }), 300);
    const valid = operations.filter(({ query }) => validate(schema, parse(query)).length === 0);
    expect(valid.length).toBeGreaterThan(0.9 * operations.length);
  });
});

describe('A compiled query', () => {
  test('gives the bytes and the resolver calls of `execute`, or falls back where that has errors', async () => {
    const comparison = new ExecutionComparison(schema);
    await fc.assert(
      fc.asyncProperty(randomOperations(schema, { scalars: SCALARS }), (operation) =>
        comparison.compare(operation),
      ),
      { numRuns: RUNS },
    );
    const { coverage } = comparison;
    for (const feature of [...FEATURES, 'conditions', 'abstract types', 'errors'])
      expect([feature, coverage.of(feature) > RUNS / 20]).toEqual([feature, true]);
    expect(coverage.of('not compiled')).toBeGreaterThan(0);
  }, 120_000);

  /** Compares an operation, and returns the JSON of its `data`. */
  async function dataOf(query: string, variables = {}, of = schema): Promise<string> {
    const document = parse(query);
    expect(validate(of, document)).toEqual([]);
    await new ExecutionComparison(of).compare({ query, variables });
    return (compileQuery(of, document) as CompiledQuery).execute(variables, { calls: [] });
  }

  test('has the fields of a fragment that is spread under several conditions once', async () => {
    const query = `query ($a: Boolean!, $b: Boolean!) {
      ...F @include(if: $a) id ...F @include(if: $b)
    } fragment F on Query { value label }`;
    const fields = '"value":0.5,"label":"query"';
    expect(await dataOf(query, { a: true, b: true })).toBe(`{${fields},"id":"query"}`);
    expect(await dataOf(query, { a: false, b: true })).toBe(`{"id":"query",${fields}}`);
    expect(await dataOf(query, { a: false, b: false })).toBe('{"id":"query"}');
  });

  test('applies a fragment on an interface to the object types of the interface only', async () => {
    const query = `{ things { ... on Item { id } ... on Late { value } ... on Tested { __typename } } }`;
    expect(JSON.parse(await dataOf(query)).things).toEqual([
      [{ id: 'thing', value: 1.25 }, null, { id: 'crate' }],
      [],
      [{ value: 2, __typename: 'Parcel' }],
    ]);
  });

  test('merges the selections of fields with the same key', async () => {
    const query = `{ a: box { id } a: box { b: box { id } } ...F }
      fragment F on Query { a: box { b: box { value id } plain } }`;
    expect(await dataOf(query)).toBe('{"a":{"id":"b","b":{"id":"bb","value":1.25},"plain":"b"}}');
  });

  test('coerces the arguments of fields in a list by the variables of each request', async () => {
    const of = schemaOf('type Query { list: [Item] } type Item { f(x: Int = 5): Int }', {
      Query: { list: () => [1, 2] },
      Item: { f: (source, { x }) => source * 100 + x },
    });
    const query = 'query ($x: Int) { list { f(x: $x) g: f(x: 7) } }';
    const compiled = compileQuery(of, parse(query)) as CompiledQuery;
    const data = async (variables: object) =>
      JSON.parse(await compiled.execute({ ...variables }, null)).list.map(({ f }: any) => f);
    expect(await data({ x: 1 })).toEqual([101, 201]);
    expect(await data({ x: 2 })).toEqual([102, 202]);
    expect(await data({})).toEqual([105, 205]);
  });

  test('gives each call of a resolver arguments of its own', async () => {
    const of = schemaOf('type Query { list: [Item] } type Item { f(x: Int = 5): Int }', {
      Query: { list: () => [1, 2] },
      Item: { f: (_source, args) => args.x++ },
    });
    expect(await dataOf('{ list { f(x: 1) } }', {}, of)).toBe('{"list":[{"f":1},{"f":1}]}');
    const ofLists = schemaOf('type Query { list: [Item] } type Item { size(x: [Int]): Int }', {
      Query: { list: () => [1, 2] },
      Item: { size: (_source, args) => args.x.push(0) },
    });
    for (const list of ['[1]', '1'])
      expect(await dataOf(`{ list { size(x: ${list}) } }`, {}, ofLists)).toBe(
        '{"list":[{"size":2},{"size":2}]}',
      );
  });

  test('fails for an argument that must not be null, also where no resolver takes it', async () => {
    const of = schemaOf('type Query { a: A } type A { plain(x: Int! = 1): String }', {
      Query: { a: () => ({ plain: 'text' }) },
    });
    const query = 'query ($x: Int = 1) { a { plain(x: $x) } }';
    expect(await dataOf(query, {}, of)).toBe('{"a":{"plain":"text"}}');
    await expect(dataOf(query, { x: null }, of)).rejects.toThrow('must not be null');
  });

  test('waits for promises among the items of a list, and keeps their order', async () => {
    const of = schemaOf('type Query { list: [Int] nested: [[Int]] }', {
      Query: {
        list: () => [1, setImmediate(2), 3, null, Promise.resolve(null), Promise.resolve(4)],
        nested: () => [[setImmediate(1), 2], Promise.resolve([Promise.resolve(3)])],
      },
    });
    expect(await dataOf('{ list nested }', {}, of)).toBe(
      '{"list":[1,2,3,null,null,4],"nested":[[1,2],[3]]}',
    );
  });

  test('keeps the order of keys where later fields are there first', async () => {
    const of = schemaOf('type Query { slow: Int fast: Int later: Int }', {
      Query: { slow: () => setImmediate(1), fast: () => 2, later: async () => 3 },
    });
    expect(await dataOf('{ fast slow a: fast __proto__: later later }', {}, of)).toBe(
      '{"fast":2,"slow":1,"a":2,"__proto__":3,"later":3}',
    );
  });

  test.each<[string, Record<string, Resolver>]>([
    ['a field that has thrown', { a: fail, b: reject }],
    ['a field that has thrown after it', { a: reject, b: fail }],
    ['another rejected field', { a: reject, b: reject }],
    ['an item that is an error', { list: () => [1, new Error('item'), reject(), reject()] }],
    ['a rejected item', { list: () => [reject(), new Error('item'), reject()] }],
    [
      'a property of an object whose other field has thrown',
      { object: () => ({ a: new Error('property'), b: reject() }) },
    ],
  ])('leaves no rejection unhandled beside %s', async (_what, resolvers) => {
    const of = schemaOf(
      'type Query { a: Int b: Int list: [Int] object: A } type A { a: Int b: Int }',
      { Query: resolvers },
    );
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listener);
    try {
      const compiled = compileQuery(of, parse('{ a b list object { a b } }')) as CompiledQuery;
      await expect((async () => compiled.execute({}, null))()).rejects.toThrow();
      // Node.js would end the process.
      await setImmediate();
      await setImmediate();
    } finally {
      process.off('unhandledRejection', listener);
    }
    expect(unhandled).toEqual([]);
  });

  test('passes the path of the field to the functions of types, for each item of a list', async () => {
    const { items } = JSON.parse(await dataOf('{ boxes { items { typeInfo } } }')).boxes[1];
    expect(items[0].typeInfo[0]).toMatchObject({
      type: 'Item',
      fieldName: 'items',
      path: ['boxes', 1, 'items'],
      parentType: 'Box',
      returnType: '[Item]!',
    });
    expect(items[0].typeInfo[1]).toMatchObject({ type: 'Crate', path: ['boxes', 1, 'items'] });
  });

  test.each<[string, unknown]>([
    ['a promise', Promise.resolve(1)],
    ['a function', () => 1],
    ['a symbol', Symbol('1')],
  ])('fails where a scalar serializes to %s', async (_what, serialized) => {
    const of = schemaOf('scalar Raw type Query { raw: Raw raws: [Raw] }', {
      Query: { raw: () => 1, raws: () => [1] },
    });
    (of.getType('Raw') as GraphQLScalarType).serialize = () => serialized;
    for (const query of ['{ raw }', '{ raws }']) {
      const compiled = compileQuery(of, parse(query)) as CompiledQuery;
      await expect((async () => compiled.execute({}, null))()).rejects.toThrow();
    }
  });

  test.each(['{ value }', '{ first }', '{ second }'])(
    'fails for %s, whose `then` returns nothing',
    async (query) => {
      const broken = {
        // biome-ignore lint/suspicious/noThenProperty: a thenable that breaks the rules
        then: (fulfilled: (value: unknown) => void) => void fulfilled(1),
      };
      const of = schemaOf('type Query { value: Int first: [Int] second: [Int] }', {
        Query: { value: () => broken, first: () => [broken, 2], second: () => [1, broken, 2] },
      });
      const compiled = compileQuery(of, parse(query)) as CompiledQuery;
      await expect((async () => compiled.execute({}, null))()).rejects.toThrow();
    },
  );

  test('fails for a list without an iterator', async () => {
    const of = schemaOf('type Query { list: [Int] }', {
      Query: { list: () => ({ length: 1, [Symbol.iterator]: undefined }) },
    });
    expect((await execute({ schema: of, document: parse('{ list }') })).errors).toHaveLength(1);
    const compiled = compileQuery(of, parse('{ list }')) as CompiledQuery;
    await expect((async () => compiled.execute({}, null))()).rejects.toThrow();
  });
});

describeOnEachDatabase('A compiled query of the server', (kind) => {
  const server = useServer(kind);
  let comparison: ServerComparison;
  beforeAll(async () => {
    comparison = await ServerComparison.create(server());
  });
  afterAll(() => comparison?.close());

  test("gives the answers of Apollo's execution, errors and headers included", async () => {
    const runs = SERVER_RUNS[kind];
    await fc.assert(
      fc.asyncProperty(comparison.requests, (request) => comparison.compare(request)),
      { numRuns: runs },
    );
    for (const feature of [...FEATURES, 'errors'])
      expect([feature, comparison.coverage.of(feature) > runs / 30]).toEqual([feature, true]);
  }, 120_000);
});

function fail(): never {
  throw new Error('thrown');
}

function reject(): Promise<never> {
  return Promise.reject(new Error('rejected'));
}

function schemaOf(sdl: string, resolvers: Record<string, Record<string, Resolver>>): GraphQLSchema {
  const schema = buildSchema(sdl);
  for (const [type, ofFields] of Object.entries(resolvers)) {
    const fields = (schema.getType(type) as GraphQLObjectType).getFields();
    for (const [name, resolve] of Object.entries(ofFields))
      Object.assign(fields[name] as object, { resolve });
  }
  return schema;
}
