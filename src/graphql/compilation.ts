import {
  defaultFieldResolver,
  defaultTypeResolver,
  type FieldNode,
  type GraphQLAbstractType,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNullableType,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  type OperationDefinitionNode,
} from 'graphql';
import type { Path } from 'graphql/jsutils/Path.js';
import { quote } from '../json.js';
import { compileArguments } from './compile-inputs.js';
import { concatenate, isPromise, type Text, then } from './json-text.js';
import type { SelectedFields } from './selected-fields.js';

/** The compiler has failed, and not a resolver. */
export class CompilerError extends Error {}

/** One execution: what is the same for all its resolvers. */
interface Run {
  readonly context: unknown;
  readonly variableValues: Record<string, unknown>;
}

/** Writes the JSON of a value. */
export type Write = (value: unknown, run: Run, path: Path | undefined) => Text;

/** One field of an answer, for what writes its value. */
interface Selected {
  readonly nodes: FieldNode[];
  /** Makes the `info` of its resolver. */
  readonly infoOf: (run: Run, path: Path | undefined) => GraphQLResolveInfo;
}

/** Makes functions of selections that write the JSON of values. */
export class Compilation {
  readonly #schema: GraphQLSchema;
  readonly #operation: OperationDefinitionNode;
  readonly #fields: SelectedFields;

  constructor(schema: GraphQLSchema, operation: OperationDefinitionNode, fields: SelectedFields) {
    this.#schema = schema;
    this.#operation = operation;
    this.#fields = fields;
  }

  /** @throws {CompilerError} */
  query(type: GraphQLObjectType, selectionSet: FieldNode['selectionSet']): Write {
    return compile(() => this.#fieldsOf(type, [selectionSet]));
  }

  /** Of an object that is one of its type. */
  #fieldsOf(type: GraphQLObjectType, selectionSets: FieldNode['selectionSet'][]): Write {
    const selected = this.#fields.of(type, selectionSets);
    const writes = [...selected].map(([key, nodes], at) =>
      this.#field(type, key, nodes, `${at === 0 ? '{' : ','}"${key}":`),
    );
    const { length } = writes;
    // Where directives leave nothing out of it.
    if (length === 0) return () => '{}';
    return (source, run, path) =>
      concatenate('', length, (at) => (writes[at] as Write)(source, run, path), '}');
  }

  #object(type: GraphQLObjectType, { nodes, infoOf }: Selected): Write {
    const selectionSets = nodes.map(({ selectionSet }) => selectionSet);
    const writeFields = this.#fieldsOf(type, selectionSets);
    const { isTypeOf } = type;
    if (!isTypeOf) return writeFields;
    return (source, run, path) =>
      then(isTypeOf(source, run.context, infoOf(run, fieldOf(path))), (isOne) => {
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
    const infoOf = this.#infoOf(parent, nodes, field.type);
    const write = this.#value(field.type, { nodes, infoOf });
    const argumentsOf = compileArguments(field, node);
    const { resolve } = field;
    const prefixed = (text: string) => prefix + text;
    const writeResolved: Write = (source, run, parentPath) => {
      const path = { prev: parentPath, key, typename: parent.name };
      const resolveField = resolve ?? defaultFieldResolver;
      const value = resolveField(
        source,
        argumentsOf(run.variableValues),
        run.context,
        infoOf(run, path),
      );
      const text = isPromise(value)
        ? then(value, (settled) => write(settled, run, path))
        : write(value, run, path);
      return typeof text === 'string' ? prefix + text : text.then(prefixed);
    };
    const type = getNullableType(field.type);
    if (resolve || field.args.length > 0 || !isLeafType(type)) return writeResolved;
    const writeLeaf = compileLeaf(type);
    // Most fields are properties with plain values, for which `defaultFieldResolver` needs neither path nor info.
    return (source, run, parentPath) => {
      const value = propertyOf(source, name);
      return typeof value === 'string' || typeof value === 'number'
        ? prefix + writeLeaf(value)
        : writeResolved(source, run, parentPath);
    };
  }

  #value(type: GraphQLOutputType, selected: Selected): Write {
    if (isNonNullType(type)) {
      const write = this.#nullable(type.ofType, selected);
      return (value, run, path) => {
        if (value === null || value === undefined) throw new Error('null');
        if (value instanceof Error) throw value;
        return write(value, run, path);
      };
    }
    const write = this.#nullable(type, selected);
    return (value, run, path) => {
      if (value === null || value === undefined) return 'null';
      if (value instanceof Error) throw value;
      return write(value, run, path);
    };
  }

  /** Of a value that is there. */
  #nullable(type: GraphQLOutputType, selected: Selected): Write {
    if (isLeafType(type)) return compileLeaf(type);
    if (isListType(type)) {
      const writeItem = this.#value(type.ofType, selected);
      return (list, run, prev) => {
        const items = itemsOf(list);
        const write = (key: number): Text => {
          const item = items[key];
          const path = { prev, key, typename: undefined };
          const text = isPromise(item)
            ? then(item, (settled) => writeItem(settled, run, path))
            : writeItem(item, run, path);
          if (key === 0) return text;
          return typeof text === 'string' ? `,${text}` : text.then((late) => `,${late}`);
        };
        return concatenate('[', items.length, write, ']');
      };
    }
    if (isAbstractType(type)) return this.#abstract(type, selected);
    return this.#object(type as GraphQLObjectType, selected);
  }

  #abstract(type: GraphQLAbstractType, selected: Selected): Write {
    const resolveType = type.resolveType ?? defaultTypeResolver;
    const writes = new Map<string, Write>();
    const writeOf = (name: unknown): Write => {
      const object = typeof name === 'string' ? this.#schema.getType(name) : undefined;
      if (!isObjectType(object) || !this.#schema.isSubType(type, object))
        throw new Error(`no object type of ${type.name}`);
      const write = writes.get(object.name) ?? compile(() => this.#object(object, selected));
      writes.set(object.name, write);
      return write;
    };
    return (value, run, path) =>
      then(resolveType(value, run.context, selected.infoOf(run, fieldOf(path)), type), (name) =>
        writeOf(name)(value, run, path),
      );
  }

  /** Makes the `info` of a field's resolver calls. */
  #infoOf(
    parentType: GraphQLObjectType,
    fieldNodes: FieldNode[],
    returnType: GraphQLOutputType,
  ): Selected['infoOf'] {
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

function compile(make: () => Write): Write {
  try {
    return make();
  } catch (cause) {
    throw new CompilerError('A query could not be compiled', { cause });
  }
}

/** The path of the field, also for an item of its list: so does `graphql` for the functions of types. */
function fieldOf(path: Path | undefined): Path | undefined {
  return path && typeof path.key === 'number' ? fieldOf(path.prev) : path;
}

function propertyOf(source: unknown, name: string): unknown {
  return typeof source === 'object' && source !== null
    ? (source as Record<string, unknown>)[name]
    : undefined;
}

function itemsOf(list: unknown): readonly unknown[] {
  if (Array.isArray(list)) return list;
  const iterable = typeof list === 'object' ? (list as Iterable<unknown> | null) : null;
  if (typeof iterable?.[Symbol.iterator] !== 'function') throw new Error('not a list');
  return Array.from(iterable);
}

function compileLeaf(type: GraphQLLeafType): (value: unknown) => string {
  const write = type.extensions.needsNoEscapes ? (text: string) => `"${text}"` : quote;
  return (value) => {
    const serialized: unknown = type.serialize(value);
    if (typeof serialized === 'string') return write(serialized);
    if (serialized === null || serialized === undefined) throw new Error('null');
    const text: string | undefined = JSON.stringify(serialized);
    // A promise, which `graphql` waits for, or a function, which JSON leaves out.
    if (text === undefined || isPromise(serialized)) throw new Error('not JSON');
    return text;
  };
}
