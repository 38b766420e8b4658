import {
  type DocumentNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
} from 'graphql';
import { Compilation, type Write } from './compilation.js';
import { compileVariables } from './compile-inputs.js';
import type { Text } from './json-text.js';
import { conditionsOf, SelectedFields } from './selected-fields.js';

export type Uncompilable =
  | 'not_a_query'
  | 'several_operations'
  | 'introspection'
  | 'too_many_variants';

export interface CompiledQuery {
  /** `null`: an anonymous operation. */
  readonly name: string | null;
  /** Variants that it may have, at most: one for each outcome of its directives. */
  readonly variants: number;
  /** JSON of `data`, for variables as they were sent. @throws where the answer has an error; the text is arbitrary */
  execute(variables: Record<string, unknown>, context: unknown): Text;
}

/** Variables that directives depend on, at most: each doubles the variants. */
const MAX_CONDITIONS = 3;

/** Compiles a valid query to functions that write its JSON, with the resolver and serializer calls of GraphQL §6.4. */
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
  const coerceVariables = compileVariables(schema, operation.variableDefinitions ?? []);
  const variants = new Map<string, Write>();
  return {
    name: operation.name?.value ?? null,
    variants: 2 ** names.length,
    execute(inputs, context) {
      const coerced = coerceVariables(inputs);
      const outcomes = names.map((name) => [name, coerced[name]] as const);
      // A variable with a default may be null, which no directive takes.
      if (outcomes.some(([, outcome]) => typeof outcome !== 'boolean')) throw new Error('null');
      const variant = outcomes.join();
      let write = variants.get(variant);
      if (!write) {
        // Not all variables: a variant outlives its first request, whose variables may be long.
        const fields = new SelectedFields(schema, document, Object.fromEntries(outcomes));
        const compilation = new Compilation(schema, operation, fields);
        write = compilation.query(type, operation.selectionSet);
        variants.set(variant, write);
      }
      return write(undefined, { context, variableValues: coerced }, undefined);
    },
  };
}

function isOperation(
  definition: DocumentNode['definitions'][number],
): definition is OperationDefinitionNode {
  return definition.kind === Kind.OPERATION_DEFINITION;
}
