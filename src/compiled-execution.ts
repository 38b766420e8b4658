import {
  type ApolloServerPlugin,
  type GraphQLRequestListener,
  type GraphQLResponse,
  HeaderMap,
} from '@apollo/server';
import { BREAK, type DocumentNode, type GraphQLSchema, visit } from 'graphql';
import { type CompiledQuery, compileQuery, isCompiledQuery } from 'graphql-jit';
import type { Context } from './context.js';

/** A document that came once may be an attacker's; one that comes again is worth its compilation. */
const WORTH_COMPILING = 2;

/** How often a document came, and its operations as functions: `null` where it cannot be compiled. */
interface Known {
  times: number;
  operations: Map<string | null, CompiledQuery['query'] | null>;
}

/**
 * Answers operations that come again by functions compiled for them, instead of interpreting them.
 *
 * Only a result without errors is used. Whatever goes wrong is left to the ordinary execution, so that
 * errors are made, logged and masked in one place only. What was compiled lives as long as the parsed
 * document that Apollo Server keeps.
 */
export function compiledExecution(schema: GraphQLSchema): ApolloServerPlugin<Context> {
  const documents = new WeakMap<DocumentNode, Known>();

  function compiled(document: DocumentNode, name: string | null): CompiledQuery['query'] | null {
    const known = documents.get(document);
    if (!known) {
      documents.set(document, { times: 1, operations: new Map() });
      return null;
    }
    if (++known.times < WORTH_COMPILING) return null;
    let operation = known.operations.get(name);
    if (operation === undefined) {
      operation = hasDirectives(document) ? null : compile(schema, document, name);
      known.operations.set(name, operation);
    }
    return operation;
  }

  const listener: GraphQLRequestListener<Context> = {
    async responseForOperation({ document, operationName, request, contextValue }) {
      const query = compiled(document, operationName);
      if (query === null) return null;
      const result = await query(undefined, contextValue, request.variables ?? {});
      if (result.errors) return null;
      const body = { kind: 'single', singleResult: result } as const;
      return { http: { headers: new HeaderMap() }, body } as GraphQLResponse;
    },
  };
  return { requestDidStart: async () => listener };
}

/** `null`: the operation cannot be compiled, as there is none of that name. */
function compile(schema: GraphQLSchema, document: DocumentNode, name: string | null) {
  const result = compileQuery(schema, document, name ?? undefined);
  return isCompiledQuery(result) ? result.query : null;
}

/** graphql-jit 0.8 drops a fragment that is spread twice, once of them under `@include` or `@skip`. */
function hasDirectives(document: DocumentNode): boolean {
  let found = false;
  visit(document, {
    Directive() {
      found = true;
      return BREAK;
    },
  });
  return found;
}
