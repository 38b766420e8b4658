import {
  type DocumentNode,
  defaultFieldResolver,
  defaultTypeResolver,
  type FieldNode,
  type GraphQLAbstractType,
  type GraphQLField,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  getVariableValues,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
} from 'graphql';
import type { Path } from 'graphql/jsutils/Path.js';
import { quote } from '../json.js';
import { concatenate, isPromise, type Text, then } from './json-text.js';
import { conditionsOf, SelectedFields } from './selected-fields.js';

/** Why a query is not compiled. */
export type Uncompilable =
  | 'not_a_query'
  | 'several_operations'
  | 'introspection'
  | 'too_many_variants';

export interface CompiledQuery {
  /** The operation's. */
  readonly name: string | null;
  /** Variants that it may have, at most: one for each outcome of its directives. */
  readonly variants: number;
  /**
   * @param variables as they were sent
   * @returns the JSON of `data`
   * @throws whatever makes an error of the answer: the text says nothing of it
   */
  execute(variables: Record<string, unknown>, context: unknown): Text;
}

/** Variables that directives depend on, at most: each doubles the variants. */
const MAX_CONDITIONS = 3;

/** One execution: what is the same for all its resolvers. */
interface Run {
  readonly context: unknown;
  readonly variableValues: Record<string, unknown>;
}

/** Writes the JSON of a value. */
type Write = (value: unknown, run: Run, path: Path | undefined) => Text;

/**
 * Makes functions of a valid query that write the JSON of its answer. They call the same resolvers, with the same
 * arguments, and the same serializers as `graphql` does (GraphQL §6.4), and stop at the first error.
 */
export function compileQuery(
  schema: GraphQLSchema,
  document: DocumentNode,
): CompiledQuery | Uncompilable {
  const operations = document.definitions.filter(isOperation);
  const [operation] = operations;
  const type = schema.getQueryType();
  if (operations.length > 1) return 'several_operations';
  if (!type || operation?.operation !== OperationTypeNode.QUERY) return 'not_a_query';
  const conditions = conditionsOf(document);
  if (conditions.introspects) return 'introspection';
  const names = [...conditions.variables];
  if (names.length > MAX_CONDITIONS) return 'too_many_variants';
  const variants = new Map<string, Write>();
  return {
    name: operation.name?.value ?? null,
    variants: 2 ** names.length,
    execute(inputs, context) {
      const definitions = operation.variableDefinitions ?? [];
      const { coerced, errors } = getVariableValues(schema, definitions, inputs);
      if (errors) throw errors[0];
      const outcomes = names.map((name) => [name, coerced[name]] as const);
      // A variable with a default may be null, which no directive takes.
      if (outcomes.some(([, outcome]) => typeof outcome !== 'boolean')) throw new Error('null');
      const variant = outcomes.join();
      let write = variants.get(variant);
      if (!write) {
        // Not all variables: a variant outlives its first request, whose variables may be long.
        const fields = new SelectedFields(schema, document, Object.fromEntries(outcomes));
        write = new Compilation(schema, operation, fields).object(type, [operation.selectionSet]);
        variants.set(variant, write);
      }
      return write(undefined, { context, variableValues: coerced }, undefined);
    },
  };
}

class Compilation {
  readonly #schema: GraphQLSchema;
  readonly #operation: OperationDefinitionNode;
  readonly #fields: SelectedFields;

  constructor(schema: GraphQLSchema, operation: OperationDefinitionNode, fields: SelectedFields) {
    this.#schema = schema;
    this.#operation = operation;
    this.#fields = fields;
  }

  object(type: GraphQLObjectType, selectionSets: FieldNode['selectionSet'][]): Write {
    const selected = this.#fields.of(type, selectionSets);
    const writes = [...selected].map(([key, nodes]) => this.#field(type, key, nodes));
    const writeFields: Write = (source, run, path) =>
      concatenate('{', writes.length, (at) => (writes[at] as Write)(source, run, path), '}');
    const { isTypeOf } = type;
    if (!isTypeOf) return writeFields;
    const info = this.#info(type, [...selected.values()][0] ?? [], type);
    return (source, run, path) =>
      then(isTypeOf(source, run.context, { ...info, ...run, path } as never), (isOne) => {
        if (!isOne) throw new Error(`not a ${type.name}`);
        return writeFields(source, run, path);
      });
  }

  #field(parent: GraphQLObjectType, key: string, nodes: FieldNode[]): Write {
    const [node] = nodes as [FieldNode];
    const name = node.name.value;
    const prefix = `"${key}":`;
    const field = parent.getFields()[name];
    if (!field) {
      const typeName = `${prefix}"${parent.name}"`; // __typename
      return () => typeName;
    }
    const write = this.#value(field.type, nodes, parent);
    const argumentsOf = compileArguments(field, node);
    const info = this.#info(parent, nodes, field.type, name);
    const { resolve } = field;
    const prefixed = (text: string) => prefix + text;
    return (source, run, parentPath) => {
      const path = { prev: parentPath, key, typename: parent.name };
      const property = resolve ? undefined : propertyOf(source, name);
      const isResolved = resolve !== undefined || typeof property === 'function';
      const value = isResolved
        ? (resolve ?? defaultFieldResolver)(source, argumentsOf(run), run.context, {
            ...info,
            variableValues: run.variableValues,
            path,
          })
        : property;
      const text = isPromise(value)
        ? value.then((settled) => write(settled, run, path))
        : write(value, run, path);
      return typeof text === 'string' ? prefix + text : text.then(prefixed);
    };
  }

  #value(type: GraphQLOutputType, nodes: FieldNode[], parent: GraphQLObjectType): Write {
    if (isNonNullType(type)) {
      const write = this.#nullable(type.ofType, nodes, parent);
      return (value, run, path) => {
        if (value === null || value === undefined) throw new Error('null');
        if (value instanceof Error) throw value;
        return write(value, run, path);
      };
    }
    const write = this.#nullable(type, nodes, parent);
    return (value, run, path) => {
      if (value === null || value === undefined) return 'null';
      if (value instanceof Error) throw value;
      return write(value, run, path);
    };
  }

  /** Of a value that is there. */
  #nullable(type: GraphQLOutputType, nodes: FieldNode[], parent: GraphQLObjectType): Write {
    if (isLeafType(type)) return (value) => writeLeaf(type, value);
    if (isListType(type)) {
      const writeItem = this.#value(type.ofType, nodes, parent);
      return (list, run, prev) => {
        const items = itemsOf(list);
        const write = (key: number) => {
          const item = items[key];
          const path = { prev, key, typename: undefined };
          return isPromise(item)
            ? item.then((settled) => writeItem(settled, run, path))
            : writeItem(item, run, path);
        };
        return concatenate('[', items.length, write, ']');
      };
    }
    const selectionSets = nodes.map(({ selectionSet }) => selectionSet);
    if (isAbstractType(type)) return this.#abstract(type, nodes, parent, selectionSets);
    return this.object(type as GraphQLObjectType, selectionSets);
  }

  #abstract(
    type: GraphQLAbstractType,
    nodes: FieldNode[],
    parent: GraphQLObjectType,
    selectionSets: FieldNode['selectionSet'][],
  ): Write {
    const resolveType = type.resolveType ?? defaultTypeResolver;
    const info = this.#info(parent, nodes, type);
    const writes = new Map<string, Write>();
    const writeOf = (name: unknown): Write => {
      const object = typeof name === 'string' ? this.#schema.getType(name) : undefined;
      if (!isObjectType(object) || !this.#schema.isSubType(type, object))
        throw new Error(`no object type of ${type.name}`);
      const write = writes.get(object.name) ?? this.object(object, selectionSets);
      writes.set(object.name, write);
      return write;
    };
    return (value, run, path) =>
      then(resolveType(value, run.context, { ...info, ...run, path } as never, type), (name) =>
        writeOf(name)(value, run, path),
      );
  }

  /** What `info` has that is the same for all executions. */
  #info(
    parentType: GraphQLObjectType,
    fieldNodes: FieldNode[],
    returnType: GraphQLOutputType,
    fieldName = fieldNodes[0]?.name.value ?? '',
  ): Omit<GraphQLResolveInfo, 'path' | 'variableValues'> {
    return {
      fieldName,
      fieldNodes,
      returnType,
      parentType,
      schema: this.#schema,
      fragments: this.#fields.fragments,
      rootValue: undefined,
      operation: this.#operation,
    };
  }
}

/** As `defaultFieldResolver` looks a field up, which then calls what is a function. */
function propertyOf(source: unknown, name: string): unknown {
  const hasProperties = typeof source === 'object' ? source !== null : typeof source === 'function';
  return hasProperties ? (source as Record<string, unknown>)[name] : undefined;
}

function compileArguments(field: GraphQLField<unknown, unknown>, node: FieldNode) {
  if (field.args.length === 0) return () => ({});
  return ({ variableValues }: Run) => getArgumentValues(field, node, variableValues);
}

function itemsOf(list: unknown): readonly unknown[] {
  if (Array.isArray(list)) return list;
  const isList = typeof list === 'object' && list !== null && Symbol.iterator in list;
  if (!isList) throw new Error('not a list');
  return Array.from(list as Iterable<unknown>);
}

function writeLeaf(type: GraphQLLeafType, value: unknown): string {
  const serialized: unknown = type.serialize(value);
  if (serialized === null || serialized === undefined) throw new Error('null');
  return typeof serialized === 'string' ? quote(serialized) : JSON.stringify(serialized);
}

function isOperation(
  definition: DocumentNode['definitions'][number],
): definition is OperationDefinitionNode {
  return definition.kind === Kind.OPERATION_DEFINITION;
}
