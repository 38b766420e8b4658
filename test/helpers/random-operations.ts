import fc from 'fast-check';
import {
  doTypesOverlap,
  type GraphQLArgument,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
  isUnionType,
  OverlappingFieldsCanBeMergedRule,
  parse,
  validate,
} from 'graphql';

/** An operation as a request brings it. */
export interface Operation {
  readonly query: string;
  readonly operationName?: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

export interface OperationOptions {
  /** Levels of fields, at most. */
  depth?: number;
  /** Values for scalars, by the name of the type, as JSON. */
  scalars?: Readonly<Record<string, readonly unknown[]>>;
  /** The document has one operation, and its name is `Q`. */
  oneNamed?: boolean;
}

/** Bytes that decide what an operation has. */
const MOST_CHOICES = 400;
const ALIASES = ['a', 'b', 'c', '__proto__'];
const NAMES = ['Q', 'constructor', 'toString', '__proto__'];
const SCALARS: Record<string, readonly unknown[]> = {
  Int: [0, 1, 2, 3, -1, 2 ** 31 - 1],
  Float: [0, 1.5, -2, 1e21],
  String: ['', 'text', 'a "quoted" one', 'line\nbreak', '\u0000', 'é😀', '\\'],
  Boolean: [true, false],
  ID: ['1', 'x', 2],
};
/** A custom scalar takes any JSON. */
const ANY = [1, 'any', true, [1, 'two'], { x: { y: null } }];
const WRONG = [{ wrong: 1 }, [[]], 'wrong', 1.5, false];

/**
 * Random operations for a schema that its validation accepts. Fewer and smaller choices make a smaller operation, so
 * that a failing one shrinks.
 */
export function randomOperations(
  schema: GraphQLSchema,
  options: OperationOptions = {},
): fc.Arbitrary<Operation> {
  return unfilteredOperations(schema, options).filter(
    ({ query }) => validate(schema, parse(query), [OverlappingFieldsCanBeMergedRule]).length === 0,
  );
}

/** Random operations, of which a few have conflicting fields. They break no other rule. */
export function unfilteredOperations(
  schema: GraphQLSchema,
  options: OperationOptions = {},
): fc.Arbitrary<Operation> {
  return fc
    .noBias(fc.uint8Array({ maxLength: MOST_CHOICES, size: 'max' }))
    .map((bytes) => new OperationWriter(schema, new Choices(bytes), options).write());
}

/** Choices made of bytes: without bytes, each is the first one, or no. */
class Choices {
  #at = 0;

  constructor(readonly bytes: Uint8Array) {}

  #next(): number {
    return this.bytes[this.#at++] ?? 0;
  }

  percent(chance: number): boolean {
    return this.#next() >= 256 * (1 - chance / 100);
  }

  below(count: number): number {
    return this.#next() % count;
  }

  of<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }
}

interface Variable {
  readonly name: string;
  readonly type: string;
  /** With its default. */
  readonly definition: string;
}

interface Fragment {
  readonly name: string;
  readonly type: GraphQLCompositeType;
  readonly text: string;
}

class OperationWriter {
  readonly #schema: GraphQLSchema;
  readonly #choices: Choices;
  readonly #options: OperationOptions;
  /** What stands by a key of the answer, so that most fields of one key can be merged. */
  readonly #signatures = new Map<string, string>();
  readonly #arguments = new Map<string, string>();
  readonly #variables: Variable[] = [];
  readonly #values: Record<string, unknown> = {};
  readonly #fragments: Fragment[] = [];
  readonly #mostConditions: number;
  readonly #mostFragments: number;
  readonly #sendsWrongValues: boolean;
  #aliases = 0;
  #begunFragments = 0;

  constructor(schema: GraphQLSchema, choices: Choices, options: OperationOptions) {
    this.#schema = schema;
    this.#choices = choices;
    this.#options = options;
    this.#mostConditions = choices.of([0, 0, 1, 1, 2, 2, 3, 4]);
    this.#mostFragments = choices.below(4);
    this.#sendsWrongValues = choices.percent(6);
  }

  write(): Operation {
    const choices = this.#choices;
    const type = this.#schema.getQueryType() as GraphQLCompositeType;
    let selections = this.#selectionSet(type, this.#options.depth ?? 5);
    if (choices.percent(3)) selections += ' ...on Query { __schema { queryType { name } } }';
    const name = this.#options.oneNamed ? 'Q' : choices.percent(40) ? choices.of(NAMES) : '';
    const variables = this.#variables.map(({ definition }) => definition).join(', ');
    const texts = this.#fragments.map(({ text }) => text);
    const operation = `query ${name}${variables ? `(${variables})` : ''} { ${selections} }`;
    const isShort = !name && !variables && choices.percent(50);
    texts.splice(choices.below(texts.length + 1), 0, isShort ? `{ ${selections} }` : operation);
    const isNamed = name !== '' && choices.percent(50);
    if (this.#options.oneNamed) {
      const query = texts.join('\n');
      return { query, operationName: 'Q', variables: this.#values };
    }
    const isOneOfTwo = name !== '' && choices.percent(5);
    if (isOneOfTwo) texts.push('query Other { __typename }');
    const query = texts.join('\n');
    if (isOneOfTwo || isNamed) return { query, operationName: name, variables: this.#values };
    return { query, variables: this.#values };
  }

  #selectionSet(type: GraphQLCompositeType, depth: number): string {
    const count = 1 + this.#choices.below(4);
    return Array.from({ length: count }, () => this.#selection(type, depth)).join(' ');
  }

  #selection(type: GraphQLCompositeType, depth: number): string {
    const choices = this.#choices;
    if (depth > 0 && choices.percent(isUnionType(type) ? 80 : 22)) {
      if (choices.percent(50)) return this.#spread(type, depth);
      const condition = choices.percent(70) ? this.#overlapping(type) : null;
      const on = condition ? `on ${condition} ` : '';
      const inner = this.#selectionSet(condition ?? type, depth - 1);
      return `... ${on}${this.#directives()}{ ${inner} }`;
    }
    if (isUnionType(type) || choices.percent(8))
      return `${this.#key('__typename', '', 'String!')}__typename ${this.#directives()}`;
    const fields = Object.values(type.getFields()).filter(
      (field) => depth > 1 || !isCompositeType(getNamedType(field.type)),
    );
    if (fields.length === 0) return '__typename';
    return this.#field(choices.of(fields), depth);
  }

  #field(field: GraphQLField<unknown, unknown>, depth: number): string {
    const choices = this.#choices;
    // Mostly those of before, so that the selections of two fields are merged.
    const known = this.#arguments.get(field.name);
    const isSame = known !== undefined && hasSameArguments(known, field) && choices.percent(60);
    const values = isSame ? (known.split('\n', 1)[0] as string) : this.#argumentsOf(field);
    this.#arguments.set(field.name, `${values}\n${declared(field)}`);
    const key = this.#key(field.name, values, shapeOf(field.type));
    const text = `${key}${field.name}${values} ${this.#directives()}`;
    const type = getNamedType(field.type);
    return isCompositeType(type) ? `${text}{ ${this.#selectionSet(type, depth - 1)} }` : text;
  }

  /** An alias, where another field has the key already. */
  #key(name: string, values: string, shape: string): string {
    const signature = `${name}${values} ${shape}`;
    const alias = this.#choices.percent(25) ? this.#choices.of(ALIASES) : name;
    const taken = this.#signatures.get(alias);
    const isFree = taken === undefined || taken === signature || this.#choices.percent(1);
    const key = isFree ? alias : `k${this.#aliases++}`;
    this.#signatures.set(key, signature);
    return key === name ? '' : `${key}: `;
  }

  #overlapping(type: GraphQLCompositeType): GraphQLCompositeType {
    const types = Object.values(this.#schema.getTypeMap()).filter(
      (other): other is GraphQLCompositeType =>
        isCompositeType(other) &&
        !other.name.startsWith('__') &&
        doTypesOverlap(this.#schema, type, other),
    );
    return this.#choices.of(types);
  }

  #spread(type: GraphQLCompositeType, depth: number): string {
    const fitting = this.#fragments.filter((fragment) =>
      doTypesOverlap(this.#schema, type, fragment.type),
    );
    const isNew = this.#begunFragments < this.#mostFragments && this.#choices.percent(50);
    if (!isNew) {
      if (fitting.length === 0) return '__typename';
      return `...${this.#choices.of(fitting).name} ${this.#directives()}`;
    }
    const name = ['F', 'G', 'hasOwnProperty'][this.#begunFragments++] as string;
    const condition = this.#overlapping(type);
    const inner = this.#selectionSet(condition, depth - 1);
    const text = `fragment ${name} on ${condition} { ${inner} }`;
    this.#fragments.push({ name, type: condition, text });
    return `...${name} ${this.#directives()}`;
  }

  #directives(): string {
    const choices = this.#choices;
    if (!choices.percent(14)) return '';
    const [first, second] = choices.percent(50) ? ['include', 'skip'] : ['skip', 'include'];
    const one = `@${first}(if: ${this.#condition()}) `;
    return choices.percent(20) ? `${one}@${second}(if: ${this.#condition()}) ` : one;
  }

  #condition(): string {
    const choices = this.#choices;
    if (this.#mostConditions === 0 || choices.percent(15)) return choices.of(['true', 'false']);
    const at = choices.below(this.#mostConditions);
    const name = `c${at}`;
    if (!this.#variables.some((variable) => variable.name === name)) {
      const hasDefault = choices.percent(40);
      const type = hasDefault ? 'Boolean' : 'Boolean!';
      const definition = `$${name}: ${type}${hasDefault ? ` = ${choices.of(['true', 'false'])}` : ''}`;
      this.#variables.push({ name, type: 'condition', definition });
      if (hasDefault && choices.percent(5)) this.#values[name] = null;
      else if (!hasDefault || choices.percent(50)) this.#values[name] = choices.of([true, false]);
    }
    return `$${name}`;
  }

  #argumentsOf({ args }: GraphQLField<unknown, unknown>): string {
    const texts: string[] = [];
    for (const arg of args)
      if (isRequiredArgument(arg) || this.#choices.percent(60))
        texts.push(`${arg.name}: ${this.#value(arg.type, arg)}`);
    return texts.length > 0 ? `(${texts.join(', ')})` : '';
  }

  /** @param takes where it stands: one with a default takes variables that may be null */
  #value(type: GraphQLInputType, takes?: Pick<GraphQLArgument, 'defaultValue'>): string {
    const choices = this.#choices;
    if (choices.percent(35)) return this.#variable(type, takes?.defaultValue !== undefined);
    if (isNonNullType(type)) return this.#literal(type.ofType);
    return choices.percent(10) ? 'null' : this.#literal(type);
  }

  #literal(type: GraphQLInputType): string {
    const choices = this.#choices;
    if (isListType(type)) {
      if (choices.percent(10)) return this.#literal(getNamedType(type));
      const items = Array.from({ length: choices.below(3) }, () => this.#value(type.ofType));
      return `[${items.join(', ')}]`;
    }
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields()).filter(
        (field) => isRequiredInputField(field) || choices.percent(40),
      );
      const texts = fields.map((field) => `${field.name}: ${this.#value(field.type, field)}`);
      return `{${texts.join(', ')}}`;
    }
    const value = this.#leaf(type);
    return isEnumType(type) ? String(value) : literalOf(value, this.#isAny(type));
  }

  #isAny(type: GraphQLInputType): boolean {
    return !(`${type}` in SCALARS);
  }

  #leaf(type: GraphQLInputType): unknown {
    if (isEnumType(type)) return this.#choices.of(type.getValues()).name;
    const values = this.#options.scalars?.[`${type}`] ?? SCALARS[`${type}`] ?? ANY;
    return this.#choices.of(values);
  }

  #variable(type: GraphQLInputType, maybeNull: boolean): string {
    const choices = this.#choices;
    const position = nullable(type);
    const isNull = isNonNullType(type) ? maybeNull && choices.percent(50) : choices.percent(70);
    const hasDefault = isNull && choices.percent(40);
    const nonNull = `${position}!`;
    const known = this.#variables.filter(
      (variable) => variable.type === nonNull || (isNull && variable.type === `${position}`),
    );
    if (known.length > 0 && choices.percent(60)) return `$${choices.of(known).name}`;
    const name = `v${this.#variables.length}`;
    const definition = `$${name}: ${isNull ? position : nonNull}`;
    const byDefault = hasDefault ? ` = ${this.#constant(position)}` : '';
    this.#variables.push({
      name,
      type: isNull ? `${position}` : nonNull,
      definition: definition + byDefault,
    });
    if (this.#sendsWrongValues && choices.percent(40)) {
      if (choices.percent(70)) this.#values[name] = choices.of([null, ...WRONG]);
    } else if (!isNull || choices.percent(70)) {
      this.#values[name] = isNull && choices.percent(15) ? null : this.#sent(position);
    }
    return `$${name}`;
  }

  /** Without variables. */
  #constant(type: GraphQLInputType): string {
    return printed(this.#sent(type), type, (scalar) => this.#isAny(scalar));
  }

  /** A value of a variable, as JSON. */
  #sent(type: GraphQLInputType): unknown {
    const choices = this.#choices;
    if (isNonNullType(type)) return this.#sent(type.ofType);
    if (isListType(type)) {
      const item = () =>
        !isNonNullType(type.ofType) && choices.percent(15) ? null : this.#sent(type.ofType);
      return Array.from({ length: choices.below(3) }, item);
    }
    if (!isInputObjectType(type)) return this.#leaf(type);
    const fields = Object.values(type.getFields()).filter(
      (field) => isRequiredInputField(field) || choices.percent(30),
    );
    return Object.fromEntries(fields.map((field) => [field.name, this.#sent(field.type)]));
  }
}

/** What fields of one key must have in common, also where only one of them can apply. */
function shapeOf(type: GraphQLOutputType): string {
  const named = getNamedType(type);
  return isCompositeType(named) ? `${type}`.replace(named.name, '') : `${type}`;
}

function hasSameArguments(known: string, field: GraphQLField<unknown, unknown>): boolean {
  return known.slice(known.indexOf('\n') + 1) === declared(field);
}

function declared({ args }: GraphQLField<unknown, unknown>): string {
  return args.map(({ name, type }) => `${name}: ${type}`).join();
}

function nullable(type: GraphQLInputType): GraphQLInputType {
  return isNonNullType(type) ? type.ofType : type;
}

function printed(
  value: unknown,
  type: GraphQLInputType,
  isAny: (type: GraphQLInputType) => boolean,
): string {
  if (value === null) return 'null';
  if (isNonNullType(type)) return printed(value, type.ofType, isAny);
  if (isListType(type))
    return `[${(value as unknown[]).map((item) => printed(item, type.ofType, isAny)).join(', ')}]`;
  if (isEnumType(type)) return String(value);
  if (!isInputObjectType(type)) return literalOf(value, isAny(type));
  const fields = Object.entries(value as object).map(([name, field]) => {
    const { type: fieldType } = type.getFields()[name] as { type: GraphQLInputType };
    return `${name}: ${printed(field, fieldType, isAny)}`;
  });
  return `{${fields.join(', ')}}`;
}

/** JSON is a literal, but for the names of an object's fields. */
function literalOf(value: unknown, isAny: boolean): string {
  if (!isAny || typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => literalOf(item, true)).join(', ')}]`;
  const fields = Object.entries(value).map(([name, field]) => `${name}: ${literalOf(field, true)}`);
  return `{${fields.join(', ')}}`;
}
