import { ApolloServer, type ApolloServerOptions, type ApolloServerPlugin } from '@apollo/server';
import { unwrapResolverError } from '@apollo/server/errors';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import type { FastifyBaseLogger } from 'fastify';
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { CodedError, logFailure, RETRY_AFTER } from '../errors.js';
import { operations } from '../observability/events.js';
import type { Context } from '../session/context.js';
import { type CompiledOperations, stringifyResult } from './compiled-operations.js';
import { ourMessage } from './error-messages.js';
import { protectMutations } from './mutations.js';
import { PARSE_LIMITS, queryLimits } from './query-limits.js';
import { sandboxPage } from './sandbox.js';

/** As many as help a person; an attacker's document could have any number. */
const MAX_VALIDATION_ERRORS = 5;
/** Parsed and validated ones; compiled queries have a cache of their own. */
const REMEMBERED_DOCUMENTS = 100;

export interface ApolloOptions {
  schema: GraphQLSchema;
  compiled: CompiledOperations;
  logger: FastifyBaseLogger;
  /** Sandbox and introspection. */
  ide: boolean;
  /** Whose pages may send mutations. */
  origins: readonly string[];
}

export function createApolloServer(options: ApolloOptions): ApolloServer<Context> {
  const { schema, compiled, logger, ide, origins } = options;
  return new ApolloServer<Context>({
    schema,
    logger,
    introspection: ide,
    formatError: maskError,
    includeStacktraceInErrorResponses: false,
    persistedQueries: false,
    parseOptions: PARSE_LIMITS,
    validationRules: [queryLimits],
    validationOptions: { maxErrors: MAX_VALIDATION_ERRORS, hideSuggestions: !ide },
    documentStore: documentStore(),
    stringifyResult,
    stopOnTerminationSignals: false,
    plugins: [
      // It wraps every field, and all answers are private.
      ApolloServerPluginCacheControlDisabled(),
      reportFailures,
      tellOperations,
      compiled.plugin,
      protectMutations(origins),
      ide ? sandboxPage() : ApolloServerPluginLandingPageDisabled(),
    ],
  });
}

/** Bounded by number: Apollo Server's own store weighs trees, and not the texts that they hold on to. */
function documentStore(): NonNullable<ApolloServerOptions<Context>['documentStore']> {
  const documents = new LRUCache<string, DocumentNode>({ max: REMEMBERED_DOCUMENTS });
  return {
    get: async (key) => documents.get(key),
    set: async (key, document) => void documents.set(key, document),
    delete: async (key) => documents.delete(key),
  };
}

/** Only what was meant for callers passes; a driver's or a bug's message stays in the log. */
function maskError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
  // Apollo Server gives every error of a validation rule the same code.
  if (error instanceof GraphQLError && error.originalError instanceof CodedError)
    return { ...formatted, extensions: error.originalError.extensions };
  if (formatted.extensions?.code !== 'INTERNAL_SERVER_ERROR')
    return { ...formatted, message: ourMessage(formatted.message) };
  // An error of the execution itself, without a cause: an argument of a wrong type.
  const cause = unwrapResolverError(error);
  if (cause instanceof GraphQLError && !cause.originalError) {
    return { ...formatted, extensions: { code: 'BAD_USER_INPUT' } };
  }
  const { message, extensions } = new CodedError('INTERNAL_SERVER_ERROR');
  const { locations, path } = formatted;
  return { message, ...(locations && { locations }), ...(path && { path }), extensions };
}

const reportFailures: ApolloServerPlugin<Context> = {
  async requestDidStart() {
    return {
      async didEncounterErrors({ errors, contextValue, response }) {
        for (const error of errors) {
          const failure = unwrapResolverError(error);
          logFailure(contextValue.log, failure);
          if (!(failure instanceof CodedError)) continue;
          if (failure.status === 503) response.http.headers.set('retry-after', String(RETRY_AFTER));
          // Of the whole request, for which Apollo Server would answer 500.
          if (failure.status === 403) response.http.status = 403;
        }
      },
    };
  },
};

/** The compiled path publishes its own operations. */
const tellOperations: ApolloServerPlugin<Context> = {
  async requestDidStart() {
    if (!operations.hasSubscribers) return;
    return {
      async willSendResponse({ operation, response, contextValue }) {
        const [error] =
          (response.body.kind === 'single' && response.body.singleResult.errors) || [];
        operations.publish({
          name: operation && (operation.name?.value ?? null),
          signedIn: contextValue.viewer !== null,
          errorCode: error ? String(error.extensions?.code) : null,
        });
      },
    };
  },
};
