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
  getNullableType,
  getVariableValues,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  visit,
} from 'graphql';
import type { Path } from 'graphql/jsutils/Path.js';
import { quote } from '../json.js';
import { concatenateLater, isPromise, type Text, then } from './json-text.js';
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
    const writes = [...selected].map(([key, nodes], at) =>
      this.#field(type, key, nodes, `${at === 0 ? '{' : ','}"${key}":`),
    );
    const { length } = writes;
    // Where directives leave nothing out of it.
    if (length === 0) return () => '{}';
    const writeFields: Write = (source, run, path) => {
      let text = '';
      for (let at = 0; at < length; at++) {
        const written = (writes[at] as Write)(source, run, path);
        if (typeof written !== 'string') {
          const rest = (next: number) => (writes[next] as Write)(source, run, path);
          return concatenateLater(text, written, at + 1, length, rest, '}');
        }
        text += written;
      }
      return `${text}}`;
    };
    const { isTypeOf } = type;
    if (!isTypeOf) return writeFields;
    const infoOf = this.#infoOf(type, [...selected.values()][0] ?? [], type);
    return (source, run, path) =>
      then(isTypeOf(source, run.context, infoOf(run, path)), (isOne) => {
        if (!isOne) throw new Error(`not a ${type.name}`);
        return writeFields(source, run, path);
      });
  }

  /** @param prefix what stands before its value */
  #field(parent: GraphQLObjectType, key: string, nodes: FieldNode[], prefix: string): Write {
    const [node] = nodes as [FieldNode];
    const name = node.name.value;
    const field = parent.getFields()[name];
    if (!field) {
      const typeName = `${prefix}"${parent.name}"`; // __typename
      return () => typeName;
    }
    const write = this.#value(field.type, nodes, parent);
    const argumentsOf = compileArguments(field, node);
    const infoOf = this.#infoOf(parent, nodes, field.type);
    const { resolve } = field;
    const prefixed = (text: string) => prefix + text;
    const writeResolved: Write = (source, run, parentPath) => {
      const path = { prev: parentPath, key, typename: parent.name };
      const resolveField = resolve ?? defaultFieldResolver;
      const value = resolveField(source, argumentsOf(run), run.context, infoOf(run, path));
      const text = isPromise(value)
        ? value.then((settled) => write(settled, run, path))
        : write(value, run, path);
      return typeof text === 'string' ? prefix + text : text.then(prefixed);
    };
    const type = getNullableType(field.type);
    if (resolve || !isLeafType(type)) return writeResolved;
    // Most fields are properties with plain values, for which `defaultFieldResolver` needs neither path nor info.
    return (source, run, parentPath) => {
      const value = propertyOf(source, name);
      return typeof value === 'string' || typeof value === 'number'
        ? prefix + writeLeaf(type, value)
        : writeResolved(source, run, parentPath);
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
        const write = (key: number): Text => {
          const item = items[key];
          const path = { prev, key, typename: undefined };
          const text = isPromise(item)
            ? item.then((settled) => writeItem(settled, run, path))
            : writeItem(item, run, path);
          if (key === 0) return text;
          return typeof text === 'string' ? `,${text}` : text.then((late) => `,${late}`);
        };
        let text = '[';
        for (let at = 0; at < items.length; at++) {
          const written = write(at);
          if (typeof written !== 'string')
            return concatenateLater(text, written, at + 1, items.length, write, ']');
          text += written;
        }
        return `${text}]`;
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
    const infoOf = this.#infoOf(parent, nodes, type);
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
      then(resolveType(value, run.context, infoOf(run, path), type), (name) =>
        writeOf(name)(value, run, path),
      );
  }

  /** Makes the `info` of a field's resolver calls. */
  #infoOf(
    parentType: GraphQLObjectType,
    fieldNodes: FieldNode[],
    returnType: GraphQLOutputType,
  ): (run: Run, path: Path | undefined) => GraphQLResolveInfo {
    const fieldName = fieldNodes[0]?.name.value ?? '';
    const schema = this.#schema;
    const operation = this.#operation;
    const { fragments } = this.#fields;
    // A literal: a spread of what is always the same costs several times as much.
    return ({ variableValues }, path) => ({
      fieldName,
      fieldNodes,
      returnType,
      parentType,
      path: path as Path,
      schema,
      fragments,
      rootValue: undefined,
      operation,
      variableValues,
    });
  }
}

function propertyOf(source: unknown, name: string): unknown {
  return typeof source === 'object' && source !== null
    ? (source as Record<string, unknown>)[name]
    : undefined;
}

/** Arguments without variables are the same each time; resolvers get an object of their own, as from `graphql`. */
function compileArguments(field: GraphQLField<unknown, unknown>, node: FieldNode) {
  let usesVariables = false;
  visit(node, {
    SelectionSet: () => false,
    Directive: () => false,
    Variable() {
      usesVariables = true;
    },
  });
  if (usesVariables) return (run: Run) => getArgumentValues(field, node, run.variableValues);
  const constant = getArgumentValues(field, node);
  return () => ({ ...constant });
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
