import { type ApolloServerPlugin, HeaderMap } from '@apollo/server';
import type { FormattedExecutionResult, GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import { operations } from '../observability/events.js';
import type { Context } from '../session/context.js';
import { type CompiledQuery, compileQuery } from './compile-query.js';

/** The applications of one company have fewer. */
const REMEMBERED_QUERIES = 500;
/**
 * Characters of all of them together. A compiled query takes up to 255 bytes for each of its own: a fragment is
 * compiled as often as it is spread.
 */
const REMEMBERED_TEXT = 256 * 1024;

/** What a request asks, after Fastify has parsed it; nothing of it is checked yet. */
export type GraphQLRequestBody = Record<string, unknown>;

/** The `data` of an answer, as JSON already. */
class WrittenData {
  constructor(readonly json: string) {}
}

/**
 * The fast path of GraphQL: queries as functions compiled for them.
 *
 * A query's first time passes Apollo Server's parsing, validation and plugins, and is compiled instead of
 * executed; from then on it is answered before all that. Only answers without errors are given so. Whatever
 * is unusual (other members of the request, variables that do not fit, an error of any kind) is left to Apollo
 * Server, whole, so that errors are made, logged and masked in one place only. See docs/decisions/0005.
 */
export class CompiledOperations {
  readonly #schema: GraphQLSchema;
  readonly #queries = new LRUCache<string, CompiledQuery>({
    max: REMEMBERED_QUERIES,
    maxSize: REMEMBERED_TEXT,
    sizeCalculation: ({ forms }, query) => query.length * forms,
  });

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** Compiles each query that is parsed and validated. Its answers are for `stringifyResult`. */
  readonly plugin: ApolloServerPlugin<Context> = {
    requestDidStart: async () => ({
      responseForOperation: async ({ source, document, operation, request, contextValue }) => {
        // Against its type, Apollo Server calls this also where there is none of the name asked for.
        if (!operation || contextValue.compiledFailed) return null;
        const compiled = this.#queries.get(source) ?? compileQuery(this.#schema, document);
        if (!compiled) return null;
        this.#queries.set(source, compiled);
        const json = await execute(compiled, request.variables, contextValue);
        if (json === null) return null;
        const singleResult = { data: new WrittenData(json) as object as Record<string, unknown> };
        return { http: { headers: new HeaderMap() }, body: { kind: 'single', singleResult } };
      },
    }),
  };

  /** @returns the answer's JSON as Apollo Server would write it; `null`: ask Apollo Server */
  async answer(body: GraphQLRequestBody, caller: { context: Context }): Promise<string | null> {
    const { query, operationName, variables, extensions, ...others } = body;
    const compiled = typeof query === 'string' ? this.#queries.get(query) : undefined;
    if (!compiled || Object.keys(others).length > 0) return null;
    if (operationName !== undefined && operationName !== compiled.name) return null;
    if (variables !== undefined && !isRecord(variables)) return null;
    if (extensions !== undefined && (!isRecord(extensions) || extensions.persistedQuery))
      return null;
    const json = await execute(compiled, variables, caller.context);
    if (json === null) return null;
    if (operations.hasSubscribers) {
      const signedIn = caller.context.viewer !== null;
      operations.publish({ name: compiled.name, signedIn, errorCode: null });
    }
    return answerOf(json);
  }
}

/** @returns the JSON of `data`; `null`: the answer has errors, and is left to Apollo Server from here on */
async function execute(
  compiled: CompiledQuery,
  variables: Record<string, unknown> | null | undefined,
  context: Context,
): Promise<string | null> {
  try {
    return await compiled.execute(variables ?? {}, context);
  } catch {
    context.compiledFailed = true;
    return null;
  }
}

/** For Apollo Server: as it writes answers by itself, and those of compiled queries. */
export function stringifyResult(result: FormattedExecutionResult): string {
  return result.data instanceof WrittenData
    ? answerOf(result.data.json)
    : `${JSON.stringify(result)}\n`;
}

function answerOf(dataJson: string): string {
  return `{"data":${dataJson}}\n`;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
