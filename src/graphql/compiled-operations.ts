import { type ApolloServerPlugin, HeaderMap } from '@apollo/server';
import type { FastifyBaseLogger } from 'fastify';
import type { DocumentNode, FormattedExecutionResult, GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import { isRecord } from '../json.js';
import { fallbacks, operations } from '../observability/events.js';
import type { Context } from '../session/context.js';
import { CompilerError } from './compilation.js';
import { type CompiledQuery, compileQuery, type Uncompilable } from './compile-query.js';

/** The applications of one company have fewer. */
const REMEMBERED_QUERIES = 500;
/**
 * Characters of all of them together. A compiled query takes up to 255 bytes for each of its own: a fragment is
 * compiled as often as it is spread.
 */
const REMEMBERED_TEXT = 256 * 1024;

/** Why Apollo's execution answers, and not a compiled query. */
type FallbackReason = Uncompilable | 'compiler_failed' | 'error_in_answer';

/** What a request asks, after Fastify has parsed it; nothing of it is checked yet. */
export type GraphQLRequestBody = Record<string, unknown>;

/** The `data` of an answer, as JSON already. */
class WrittenData {
  constructor(readonly json: string) {}
}

/**
 * The compiled path of GraphQL.
 *
 * The first request of a query passes Apollo Server's parsing, validation and plugins, and is compiled instead of
 * executed; later ones are answered before all that. Only answers without errors are given so. Whatever is unusual
 * falls back to Apollo's execution, whole, so that errors are made, logged and masked in one place only. See
 * docs/decisions/0005-compiled-queries.md.
 */
export class CompiledOperations {
  readonly #schema: GraphQLSchema;
  readonly #log: Pick<FastifyBaseLogger, 'info'>;
  readonly #logged = new Set<FallbackReason>();
  readonly #queries = new LRUCache<string, CompiledQuery | FallbackReason>({
    max: REMEMBERED_QUERIES,
    maxSize: REMEMBERED_TEXT,
    sizeCalculation: (compiled, query) =>
      query.length * (typeof compiled === 'string' ? 1 : compiled.variants),
  });
  /** The reads of requests that have fallen back: Apollo Server goes on with a copy of their context. */
  readonly #fallen = new WeakSet<Context['reads']>();

  constructor(schema: GraphQLSchema, log: Pick<FastifyBaseLogger, 'info'>) {
    this.#schema = schema;
    this.#log = log;
  }

  /** Compiles each query that is parsed and validated. Its answers are for `stringifyResult`. */
  readonly plugin: ApolloServerPlugin<Context> = {
    requestDidStart: async () => ({
      responseForOperation: async ({ source, document, operation, request, contextValue }) => {
        // Contrary to its type, Apollo Server calls this also where there is none of the name asked for.
        if (!operation || this.#fallen.has(contextValue.reads)) return null;
        const compiled = this.#queries.get(source) ?? this.#compile(source, document);
        const json = await this.#execute(compiled, request.variables, contextValue);
        if (json === null) return null;
        const singleResult = { data: new WrittenData(json) as object as Record<string, unknown> };
        return { http: { headers: new HeaderMap() }, body: { kind: 'single', singleResult } };
      },
    }),
  };

  /** @returns the answer's JSON as Apollo Server would write it; `null`: Apollo Server has to answer */
  async answer(body: GraphQLRequestBody, caller: { context: Context }): Promise<string | null> {
    const { query, operationName, variables, extensions, ...others } = body;
    const compiled = typeof query === 'string' ? this.#queries.get(query) : undefined;
    if (!compiled || typeof compiled === 'string' || Object.keys(others).length > 0) return null;
    if (operationName !== undefined && operationName !== compiled.name) return null;
    if (variables !== undefined && !isRecord(variables)) return null;
    if (extensions !== undefined && (!isRecord(extensions) || extensions.persistedQuery))
      return null;
    const json = await this.#execute(compiled, variables, caller.context);
    if (json === null) return null;
    if (operations.hasSubscribers) {
      const signedIn = caller.context.viewer !== null;
      operations.publish({ name: compiled.name, signedIn, errorCode: null });
    }
    return answerOf(json);
  }

  #compile(source: string, document: DocumentNode) {
    let compiled: CompiledQuery | FallbackReason;
    try {
      compiled = compileQuery(this.#schema, document);
    } catch (error) {
      this.#log.info({ err: error }, 'a query could not be compiled');
      compiled = 'compiler_failed';
    }
    this.#queries.set(source, compiled);
    return compiled;
  }

  /** @returns the JSON of `data`; `null`: the request falls back to Apollo's execution */
  async #execute(
    compiled: CompiledQuery | FallbackReason,
    variables: Record<string, unknown> | null | undefined,
    context: Context,
  ): Promise<string | null> {
    if (typeof compiled === 'string') return this.#fallBack(compiled, context);
    try {
      return await compiled.execute(variables ?? {}, context);
    } catch (error) {
      const reason = error instanceof CompilerError ? 'compiler_failed' : 'error_in_answer';
      return this.#fallBack(reason, context, error);
    }
  }

  #fallBack(reason: FallbackReason, { reads }: Context, error?: unknown): null {
    this.#fallen.add(reads);
    if (fallbacks.hasSubscribers) fallbacks.publish({ reason });
    if (!this.#logged.has(reason)) {
      this.#logged.add(reason);
      this.#log.info({ reason, err: error }, 'answered by Apollo’s execution (logged once)');
    }
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
