import type { ApolloServerPlugin } from '@apollo/server';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import { type CompiledQuery, compileQuery } from './compile-query.js';
import type { Context } from './context.js';
import { operations } from './operations/events.js';

/** A query that came once may be an attacker's; one that comes again is worth its compilation. */
const WORTH_COMPILING = 2;
/** The applications of one company have fewer. */
const REMEMBERED_QUERIES = 500;
/** Characters of all of them together. A compiled query takes some 13 bytes for each of its own. */
const REMEMBERED_TEXT = 1024 * 1024;

interface Operation {
  times: number;
  /** `null`: not compiled yet, or not at all. */
  compiled: CompiledQuery | null;
}

/** What a request asks, after Fastify has parsed it; nothing of it is checked yet. */
export type GraphQLRequestBody = Record<string, unknown>;

/**
 * The fast path of GraphQL: queries that come again, as functions compiled for them.
 *
 * It learns from Apollo Server, whose parsing, validation and plugins every query passes first, and it
 * gives only answers without errors. Whatever is unusual (other members of the request, variables that
 * do not fit, an error of any kind) is left to Apollo Server, whole, so that errors are made, logged and
 * masked in one place only. See docs/decisions/0005.
 */
export class CompiledOperations {
  readonly #schema: GraphQLSchema;
  readonly #operations = new LRUCache<string, Operation>({
    max: REMEMBERED_QUERIES,
    maxSize: REMEMBERED_TEXT,
    sizeCalculation: (_operation, query) => query.length,
  });

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** Tells of each query that was parsed and validated. */
  readonly plugin: ApolloServerPlugin<Context> = {
    requestDidStart: async () => ({
      didResolveOperation: async ({ source, document }) => this.#learn(source, document),
    }),
  };

  /** @returns the answer's JSON as Apollo Server would write it; `null`: ask Apollo Server */
  async answer(body: GraphQLRequestBody, caller: { context: Context }): Promise<string | null> {
    const { query, operationName, variables, extensions, ...others } = body;
    const operation = typeof query === 'string' ? this.#operations.get(query)?.compiled : null;
    if (!operation || Object.keys(others).length > 0) return null;
    if (operationName !== undefined && operationName !== operation.name) return null;
    if (variables !== undefined && !isRecord(variables)) return null;
    if (extensions !== undefined && (!isRecord(extensions) || extensions.persistedQuery))
      return null;
    let data: string;
    try {
      data = await operation.execute(variables ?? {}, caller.context);
    } catch {
      return null;
    }
    if (operations.hasSubscribers) {
      const signedIn = caller.context.viewer !== null;
      operations.publish({ name: operation.name, signedIn, errorCode: null });
    }
    return `{"data":${data}}\n`;
  }

  #learn(source: string, document: DocumentNode): void {
    const known = this.#operations.get(source);
    if (!known) this.#operations.set(source, { times: 1, compiled: null });
    else if (++known.times === WORTH_COMPILING)
      known.compiled = compileQuery(this.#schema, document);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
