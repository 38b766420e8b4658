import {
  extendSchema,
  type GraphQLAbstractType,
  GraphQLEnumType,
  type GraphQLFieldResolver,
  type GraphQLIsTypeOfFn,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  GraphQLScalarType,
  GraphQLSchema,
  type GraphQLTypeResolver,
  parse,
  responsePathAsArray,
} from 'graphql';
import type { Context } from '../../src/session/context.js';

/** Of all objects: each has these fields. */
const COMMON = `
  id: ID!
  label(upper: Boolean! = false): String!
  "Without a resolver, and with an argument."
  plain(x: Int! = 1): String
  echo(x: Int = 7, point: Point, points: [[Point!]], colors: [Color!] = [RED], any: Any, id: ID, text: String! = "t"): Any!
  typeInfo: Any
  next: Box`;
const SCHEMA = `
  input Point { x: Int! = 1, y: Float, tags: [String!], color: Color = BLUE, inner: Point, any: Any }
  "With a function for its type."
  interface Item { ${COMMON} }
  "With an asynchronous function for its type."
  interface Late { id: ID! plain(x: Int! = 1): String value: Float late: Late item: Item }
  "By isTypeOf of its types."
  interface Tested { id: ID! tested: Tested }
  "By __typename of the value."
  union Thing = Box | Crate | Parcel
  union Either = Parcel | Letter
  type Box implements Item & Late { ${COMMON}
    value: Float late: Late item: Item
    ints(plus: Int = 0): [Int]!
    matrix(rows: Int! = 2): [[Int]!]
    sure: [[Int!]!]!
    strings: [String!]!
    color(of: Color): Color
    colors(of: [Color]! = [GREEN, RED]): [Color]!
    box: Box! none: Box noBox: [Box]
    boxes(count: Int = 2): [Box!]!
    promised: [Box]! promisedInts: [Int]
    items: [Item]! things: [[Thing]!]! thing(at: Int = 0): Thing
    lates: [Late] tested: Tested tests: [Tested] either: [Either]
    odds: [Odd] odd(kind: String = "object"): Odd sureOdd: Odd!
    set: [Int!] generated: [Int]! thenable: String thenables: [Box]
    method(x: Int = 3): Any getter: Int shared: Int
    failing: Failing
  }
  type Crate implements Item { ${COMMON} size: Int! boxes(count: Int = 1): [Box!]! failing: Failing }
  type Parcel implements Late & Tested { id: ID! plain(x: Int! = 1): String value: Float! late: Late item: Item! tested: Tested weight: [Float!]! typeInfo: Any }
  type Letter implements Tested { id: ID! tested: Tested stamp: Color! typeInfo: Any next: Box }
  "Each field may fail."
  type Failing {
    thrown(x: Int = 0): Int rejected: Int returned: Int later: Int fine: Int
    nothing: Int! nothingLater: Int! sure: Failing! some: [Failing] many: [Failing!]
    items: [Int] sureItems: [Int!] promisedItems: [Int!] notAList: [Int] generated: [Int]
    wrongInt: Int wrongColor: Color! noOdd: Odd noSureOdd: Odd!
    noType: Item wrongType: Thing noTest: Tested lateType: Late
  }
  type Query { ${COMMON} value: Float box: Box! item(kind: Int! = 0): Item late: Late thing(at: Int): Thing boxes(count: Int = 2): [Box!]! things: [[Thing]!]! self: Query! failing: Failing }
  extend schema { query: Query }
`;
/** Its values differ from their names. */
const COLOR = new GraphQLEnumType({
  name: 'Color',
  values: { RED: { value: 0 }, GREEN: { value: { is: 'green' } }, BLUE: { value: 'RED' } },
});
const ANY = new GraphQLScalarType({ name: 'Any' });
const ODD = new GraphQLScalarType({
  name: 'Odd',
  serialize: (value) => (value === 'undefined' ? undefined : value === 'null' ? null : value),
});

const STRINGS = ['"', '\\', '\u0000\u001f\n', '\ud83d', '\udc00x', '😀', '\u2028', '', 'plain'];
const ODDS: Record<string, unknown> = {
  object: { b: 1, a: [undefined, { c: '"' }], u: undefined },
  NaN: Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  date: new Date(0),
  list: [1, [null]],
  boxed: new String('boxed'),
  zero: -0,
  big: 1e21,
  false: false,
  lone: '\ud800',
};
export const SCALARS = { String: [...Object.keys(ODDS), 'text', '"\n'] };

/** What resolvers and the functions of types are called with, in order. */
export interface Calls extends Context {
  readonly calls: string[];
}
type Resolver = GraphQLFieldResolver<any, Calls, any>;

/** A schema with every kind of type, value and failure, whose answers depend on nothing but the operation. */
export function createCompiledSchema(): GraphQLSchema {
  const types = new GraphQLSchema({ types: [COLOR, ANY, ODD], assumeValid: true });
  const schema = extendSchema(types, parse(SCHEMA));
  const common: Record<string, Resolver> = {
    label: (source, { upper }) => (upper ? `${source.id}`.toUpperCase() : Promise.resolve('label')),
    echo: (_source, args, context, info) => ({ args, info: describe(info, schema, context) }),
    next: (source) => makeBox(`${source.id}n`),
    typeInfo: (source) => source.typeInfo,
  };
  const both: Record<string, Resolver> = {
    late: ({ id }) => Promise.resolve(makeLate(id)),
    item: ({ id }) => makeItem(id.length),
  };
  resolve(schema, 'Query', {
    ...common,
    id: () => 'query',
    label: () => 'query',
    plain: async () => 'query',
    next: () => makeBox('n'),
    typeInfo: () => null,
    value: () => 0.5,
    box: () => makeBox('b'),
    item: (_source, { kind }) => makeItem(kind),
    late: () => makeLate('query'),
    thing: (_source, { at }) => makeThing(at ?? 0),
    boxes: async (_source, { count }) => makeBoxes(count),
    things: () => [[makeThing(0), null, makeThing(1)], [], [makeThing(2)]],
    self: () => Promise.resolve({}),
    failing: () => ({}),
  });
  resolve(schema, 'Box', {
    ...common,
    ...both,
    matrix: (_source, { rows }) => Array.from({ length: Math.min(rows, 4) }, (_, at) => [at, null]),
    color: (_source, { of }) => of,
    colors: (_source, { of }) => of,
    box: (source) => makeBox(`${source.id}b`),
    none: async () => null,
    noBox: () => [null, undefined, Promise.resolve(null)],
    boxes: async (_source, { count }) => makeBoxes(count),
    promised: () => [Promise.resolve(makeBox('p')), null, makeBox('q'), Promise.resolve(undefined)],
    promisedInts: () => [1, Promise.resolve(2), thenable(3)],
    items: () => [makeItem(0), null, makeItem(1), Promise.resolve(makeItem(2))],
    things: () => [[makeThing(0), null], Promise.resolve([makeThing(1), makeThing(2)])],
    thing: (_source, { at }) => makeThing(at ?? 2),
    lates: () => [makeLate('x'), Promise.resolve(makeLate('xy'))],
    tested: () => makeTested('t'),
    tests: () => new Set([makeTested('t'), makeTested('tu')]),
    either: () => [makeTested('t'), null, makeTested('tu')],
    odds: () => Object.values(ODDS),
    odd: (_source, { kind }) => ODDS[kind as string] ?? ODDS.object,
    sureOdd: () => ODDS.NaN,
    thenables: () => thenable([thenable(makeBox('t')), null]),
  });
  resolve(schema, 'Crate', {
    ...common,
    boxes: (_source, { count }) => makeBoxes(count),
    failing: () => ({}),
  });
  resolve(schema, 'Parcel', { ...both, tested: ({ id }) => makeTested(id) });
  resolve(schema, 'Letter', {
    tested: () => makeTested('t'),
    next: () => Promise.resolve(makeBox('l')),
  });
  resolve(schema, 'Failing', FAILING);
  addTypeFunctions(schema);
  return schema;
}

/** Wraps resolvers, so that all of their calls are compared. */
function resolve(schema: GraphQLSchema, name: string, resolvers: Record<string, Resolver>): void {
  const fields = (schema.getType(name) as GraphQLObjectType).getFields();
  for (const [field, resolver] of Object.entries(resolvers)) {
    const definition = fields[field];
    if (!definition) throw new Error(`${name}.${field}`);
    definition.resolve = (source, args, context: Calls, info) => {
      const path = responsePathAsArray(info.path).join('.');
      context.calls.push(`${path} ${JSON.stringify(args)}`);
      return resolver(source, args, context, info);
    };
  }
}

function addTypeFunctions(schema: GraphQLSchema): void {
  const resolved = (type: string, resolver: GraphQLTypeResolver<any, Calls>) => {
    (schema.getType(type) as GraphQLAbstractType).resolveType = (
      value,
      context,
      info,
      abstract,
    ) => {
      seen(value, describe(info, schema, context), abstract.name);
      return resolver(value, context, info, abstract);
    };
  };
  const tested = (type: string, test: GraphQLIsTypeOfFn<any, Calls>) => {
    (schema.getType(type) as GraphQLObjectType).isTypeOf = (value, context, info) => {
      seen(value, describe(info, schema, context), type);
      return test(value, context, info);
    };
  };
  resolved('Item', (value) => value.type);
  resolved('Late', async (value) => value.type);
  tested('Crate', (value) => value.type === 'Crate');
  tested('Parcel', async (value) => value.type === 'Parcel');
  tested('Letter', (value) => value.type === 'Letter');
  // No function asks for the type of the root.
  tested('Query', (value) => typeof value === 'object');
}

/** Remembers on the value what a function of its type was called with. */
function seen(value: any, description: object, type: string): void {
  if (typeof value === 'object' && Array.isArray(value?.typeInfo))
    value.typeInfo.push({ type, ...description });
}

function describe(info: GraphQLResolveInfo, schema: GraphQLSchema, context: Calls): object {
  const { operation, fragments, parentType, returnType, fieldNodes, fieldName, path } = info;
  return {
    fieldName,
    path: responsePathAsArray(path),
    typenames: typenamesOf(path),
    parentType: parentType.name,
    returnType: `${returnType}`,
    variables: info.variableValues,
    nodes: fieldNodes.map(({ loc }) => loc?.start),
    operation: operation.loc?.start,
    name: operation.name?.value ?? null,
    fragments: Object.keys(fragments),
    root: `${info.rootValue}`,
    isOfSchema: info.schema === schema,
    hasContext: Array.isArray(context.calls),
  };
}

function typenamesOf(path: GraphQLResolveInfo['path'] | undefined): string[] {
  return path ? [...typenamesOf(path.prev), `${path.typename}`] : [];
}

/** As query builders are: it begins its work when it is waited for. */
function thenable<Value>(value: Value): PromiseLike<Value> {
  return {
    // biome-ignore lint/suspicious/noThenProperty: as query builders have it
    then: (fulfilled, rejected) => Promise.resolve(value).then(fulfilled, rejected),
  };
}

class BoxValue {
  readonly __typename = 'Box';
  readonly type = 'Box';
  readonly typeInfo: object[] = [];
  readonly value = 1.25;
  readonly sure = [[1], [], [2, 3]];
  readonly strings = STRINGS;
  readonly set = new Set([3, 1, 2]);
  readonly failing = () => ({});
  readonly shared = Promise.resolve(8);
  readonly thenable = thenable('then');
  #secret = 5;

  constructor(readonly id: string) {}

  get plain() {
    return this.id;
  }

  get getter() {
    return this.#secret;
  }

  ints({ plus }: { plus: number | null }) {
    return [this.#secret, null, Promise.resolve(plus), this.id.length];
  }

  method(args: object, context: Calls, info: GraphQLResolveInfo) {
    return { id: this.id, args, isContext: Array.isArray(context.calls), name: info.fieldName };
  }

  *generated() {
    yield 1;
    yield null;
    yield Promise.resolve(2);
  }
}

function makeBox(id: string): object {
  return new BoxValue(id.slice(0, 6));
}

function makeBoxes(count: number | null): object[] {
  return Array.from({ length: Math.max(0, Math.min(count ?? 1, 2)) }, (_, at) => makeBox(`${at}`));
}

function makeCrate(): object {
  return {
    __typename: 'Crate',
    type: 'Crate',
    id: 'crate',
    size: Promise.resolve(3),
    typeInfo: [],
    plain: () => 'crate',
  };
}

function makeParcel(id: string): object {
  // As parsed JSON, without a prototype.
  const value = { type: 'Parcel', id: id.slice(0, 4), value: () => 2, weight: [1, 0.5], plain: id };
  return Object.assign(Object.create(null), { ...value, __typename: 'Parcel', typeInfo: [] });
}

function makeItem(kind: number): object {
  return kind % 2 === 0 ? makeCrate() : makeBox('item');
}

function makeLate(id: string): object {
  return id.length % 2 === 0 ? makeParcel(id) : makeBox(id);
}

function makeThing(at: number): object {
  if (at % 3 === 0) return makeBox('thing');
  return at % 3 === 1 ? makeCrate() : makeParcel('thin');
}

/** Its type is known by `isTypeOf` only. */
function makeTested(id: string): object {
  const isLetter = id.length % 2 === 0;
  const parcel = { type: 'Parcel', id: 'tp', value: 1, weight: new Set([2]), typeInfo: [] };
  return isLetter ? { type: 'Letter', id: 'tl', stamp: 'RED', typeInfo: [] } : parcel;
}

const FAILING: Record<string, Resolver> = {
  thrown: (_source, { x }) => {
    if (x === 1) return 1;
    throw new Error('thrown');
  },
  rejected: () => Promise.reject(new Error('rejected')),
  returned: () => new Error('returned'),
  later: async () => new Error('returned later'),
  fine: async () => 1,
  nothing: () => null,
  nothingLater: async () => undefined,
  sure: async () => ({}),
  some: () => [{}, null, Promise.resolve({})],
  many: () => [Promise.resolve({}), Promise.reject(new Error('an item'))],
  items: () => [1, new Error('an item'), Promise.reject(new Error('another item'))],
  sureItems: () => [1, null],
  promisedItems: () => [1, Promise.resolve(null), Promise.resolve(2)],
  notAList: () => 'not a list',
  *generated() {
    yield 1;
    throw new Error('generated');
  },
  wrongInt: () => 'one',
  wrongColor: () => 'BLUE',
  noOdd: () => 'undefined',
  noSureOdd: () => 'null',
  noType: () => ({ type: undefined }),
  wrongType: () => ({ __typename: 'Letter' }),
  noTest: () => ({ type: 'Other' }),
  lateType: async () => ({ type: 'Nothing' }),
};
