import {
  BREAK,
  type DocumentNode,
  defaultFieldResolver,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  GraphQLIncludeDirective,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getArgumentValues,
  getDirectiveValues,
  getNamedType,
  getNullableType,
  getVariableValues,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionNode,
  type SelectionSetNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { Context } from '../session/context.js';

/** The names of the fields that are selected of an object type of leaves, by the keys of their answers. */
type SelectedFields = ReadonlyMap<string, string>;

/** What a field of lists brings as `extensions.compile`: its items are written by this, and not resolved. */
export type CompileList<Source> = (
  fields: SelectedFields,
) => (source: Source, context: Context) => string | Promise<string>;

export interface CompiledQuery {
  /** The operation's. */
  name: string | null;
  /** Forms it may take, at most: one for each outcome of its directives. */
  forms: number;
  /**
   * @param variables as they were sent
   * @returns the JSON of `data`
   * @throws whatever makes an error of the answer: the text tells nothing of it
   */
  execute(variables: Record<string, unknown>, context: Context): string | Promise<string>;
}

interface Execution {
  variables: Record<string, unknown>;
  context: Context;
}

/** Variables that a query's directives depend on: more of them, and it would have too many forms. */
const MAX_CONDITIONS = 3;

/** Writes JSON: of a value, or of the field of an object. */
type Write = (source: unknown, execution: Execution) => string | Promise<string>;

/**
 * A valid query as functions that write the answer's JSON, calling the same resolvers and serializers as
 * `graphql` does, with the same arguments (of `info` they get the field's name alone).
 *
 * @returns `null`: it has something that is not compiled
 */
export function compileQuery(schema: GraphQLSchema, document: DocumentNode): CompiledQuery | null {
  const [operation, ...others] = document.definitions.filter(isOperation);
  const query = schema.getQueryType();
  if (!operation || others.length > 0 || !query) return null;
  const conditions = conditionsOf(schema, document);
  if (!conditions) return null;
  const forms = new Map<string, Write>();
  return {
    name: operation.name?.value ?? null,
    forms: 2 ** conditions.length,
    execute(inputs, context) {
      const { coerced: variables, errors } = getVariableValues(
        schema,
        operation.variableDefinitions ?? [],
        inputs,
      );
      if (errors) throw errors[0];
      const outcomes = conditions.map((name) => [name, variables[name]] as const);
      // A variable with a default may be null, which no directive takes.
      if (outcomes.some(([, outcome]) => outcome === null)) throw new Error('null');
      const form = outcomes.join();
      let write = forms.get(form);
      if (!write) {
        // Not all variables: a form lives on with what it was compiled for, and they may be long.
        const compilation = new Compilation(document, Object.fromEntries(outcomes));
        write = compilation.writeObject(query, [operation.selectionSet]);
        forms.set(form, write);
      }
      return write(undefined, { variables, context });
    },
  };
}

/**
 * @returns the names of the variables that its directives depend on; `null`: not only queries, introspection,
 *   lists that their fields do not write themselves, or too many conditions
 */
function conditionsOf(schema: GraphQLSchema, document: DocumentNode): string[] | null {
  const types = new TypeInfo(schema);
  const conditions = new Set<string>();
  let compilable = true;
  const stop = () => {
    compilable = false;
    return BREAK;
  };
  const visitor = visitWithTypeInfo(types, {
    OperationDefinition: ({ operation }) =>
      operation === OperationTypeNode.QUERY ? undefined : stop(),
    // `@include` or `@skip`: there are no others.
    Directive(node) {
      for (const { value } of node.arguments ?? [])
        if (value.kind === Kind.VARIABLE) conditions.add(value.name.value);
      return conditions.size > MAX_CONDITIONS ? stop() : undefined;
    },
    Field({ name }) {
      const type = getNullableType(types.getType());
      const isIntrospection = name.value === '__schema' || name.value === '__type';
      const field = types.getFieldDef();
      const isLeftOut = field?.extensions.compile ? field.args.length > 0 : isListType(type);
      return isIntrospection || isLeftOut || isAbstractType(getNamedType(type))
        ? stop()
        : undefined;
    },
  });
  visit(document, visitor);
  return compilable ? [...conditions] : null;
}

class Compilation {
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #conditions: Record<string, unknown>;

  /** @param conditions the variables that its directives depend on */
  constructor({ definitions }: DocumentNode, conditions: Record<string, unknown>) {
    this.#conditions = conditions;
    const fragments = definitions.filter(
      (definition) => definition.kind === Kind.FRAGMENT_DEFINITION,
    );
    this.#fragments = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
  }

  writeObject(type: GraphQLObjectType, selectionSets: SelectionSetNode[]): Write {
    const fields = [...this.#collect(selectionSets)];
    const keys = fields.map(([key], at) => `${at === 0 ? '' : ','}"${key}":`);
    const writes = fields.map(([, nodes]) => this.#writeField(type, nodes));
    // Not by Array.join, which copies megabytes at each level.
    const join = (values: string[]) =>
      values.reduce((text, value, at) => text + keys[at] + value, '{').concat('}');
    return (source, execution) => {
      const values = writes.map((write) => attempt(write, source, execution));
      return areTexts(values) ? join(values) : Promise.all(values).then(join);
    };
  }

  #writeField(parent: GraphQLObjectType, nodes: FieldNode[]): Write {
    const [node] = nodes as [FieldNode];
    const name = node.name.value;
    const field = parent.getFields()[name];
    if (!field) return () => `"${parent.name}"`; // __typename
    const selectionSets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    if (field.extensions.compile) return this.#writeList(field, selectionSets);

    const writeValue = this.#writeType(field.type, selectionSets);
    const resolve = field.resolve ?? defaultFieldResolver;
    const info = { fieldName: name } as GraphQLResolveInfo;
    return (source, execution) => {
      const args = getArgumentValues(field, node, execution.variables);
      const value = resolve(source, args, execution.context, info);
      return isPromise(value)
        ? value.then((settled) => writeValue(settled, execution))
        : writeValue(value, execution);
    };
  }

  #writeList(field: GraphQLField<unknown, unknown>, selectionSets: SelectionSetNode[]): Write {
    const compile = field.extensions.compile as CompileList<unknown>;
    const fields = [...this.#collect(selectionSets)] as [string, [FieldNode]][];
    const write = compile(new Map(fields.map(([key, [node]]) => [key, node.name.value])));
    return (source, { context }) => {
      // It would be written for nobody.
      if (context.compiledFailed) throw new Error('failed meanwhile');
      return write(source, context);
    };
  }

  #writeType(type: GraphQLOutputType, selectionSets: SelectionSetNode[]): Write {
    const named = getNamedType(type);
    const write: Write = isLeafType(named)
      ? (value) => writeLeaf(named, value)
      : this.writeObject(named as GraphQLObjectType, selectionSets);
    return (value, execution) => {
      if (value instanceof Error) throw value;
      if (value !== null && value !== undefined) return write(value, execution);
      if (isNonNullType(type)) throw new Error('null');
      return 'null';
    };
  }

  /** The fields by the keys of their answers; those of one key are one field, whose selections are merged. */
  #collect(selectionSets: SelectionSetNode[]): Map<string, FieldNode[]> {
    const fields = new Map<string, FieldNode[]>();
    const spread = new Set<string>();
    const collect = ({ selections }: SelectionSetNode) => {
      for (const selection of selections.filter(this.#isIncluded)) {
        if (selection.kind === Kind.FIELD) {
          const key = (selection.alias ?? selection.name).value;
          const nodes = fields.get(key);
          if (nodes) nodes.push(selection);
          else fields.set(key, [selection]);
        } else if (selection.kind === Kind.INLINE_FRAGMENT) {
          // Valid, and without abstract types: its type is this one.
          collect(selection.selectionSet);
        } else if (!spread.has(selection.name.value)) {
          spread.add(selection.name.value);
          const fragment = this.#fragments.get(selection.name.value);
          if (fragment) collect(fragment.selectionSet);
        }
      }
    };
    selectionSets.forEach(collect);
    return fields;
  }

  #isIncluded = (selection: SelectionNode): boolean =>
    getDirectiveValues(GraphQLSkipDirective, selection, this.#conditions)?.if !== true &&
    getDirectiveValues(GraphQLIncludeDirective, selection, this.#conditions)?.if !== false;
}

function writeLeaf(type: GraphQLLeafType, value: unknown): string {
  const serialized = type.serialize(value);
  if (serialized === null || serialized === undefined) throw new Error('null');
  return JSON.stringify(serialized);
}

/** As `graphql` tells them: by their `then`. */
function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined | null)?.then === 'function';
}

/** What is thrown becomes a rejection, so that nobody's is left unhandled while others are under way. */
function attempt(write: Write, source: unknown, execution: Execution): string | Promise<string> {
  try {
    return write(source, execution);
  } catch (error) {
    return Promise.reject(error);
  }
}

function isOperation(
  definition: DocumentNode['definitions'][number],
): definition is OperationDefinitionNode {
  return definition.kind === Kind.OPERATION_DEFINITION;
}

function areTexts(values: unknown[]): values is string[] {
  return values.every((value) => typeof value === 'string');
}
