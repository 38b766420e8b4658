import { Readable } from 'node:stream';
import { type ApolloServer, HeaderMap } from '@apollo/server';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import { GRAPHQL_PATH, GRAPHQL_TYPE, JSON_TYPE } from '../http/error-answer.js';
import { nameMethods } from '../http/errors.js';
import { isRecord, sendable } from '../json.js';
import type { Context } from '../session/context.js';
import { checkBody } from './check-body.js';
import type { CompiledOperations, GraphQLRequestBody } from './compiled-operations.js';
import { type OperationsManifest, withoutManifest } from './operations-manifest.js';
import { limitBodies } from './query-limits.js';
import { SANDBOX_POLICY } from './sandbox.js';
import { textOf } from './schema.js';

const METHODS = ['GET', 'POST'];
/** What browsers and GraphQL clients send as `Accept`, and what Apollo Server answers to it. */
const ANSWER_TYPES = new Map([
  ['*/*', JSON_TYPE],
  ['application/json', JSON_TYPE],
  ['application/graphql-response+json,application/json;q=0.9', GRAPHQL_TYPE],
  [
    'application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed',
    GRAPHQL_TYPE,
  ],
]);

export interface GraphQLRoutesOptions {
  apollo: ApolloServer<Context>;
  compiled: CompiledOperations;
  /** The only operations that run; `null`: any. */
  manifest: OperationsManifest | null;
  /** Whose pages may send queries by GET. */
  origins: readonly string[];
}

/** Binds Apollo Server to Fastify. */
export function graphqlRoutes(
  app: FastifyInstance,
  { apollo, compiled, manifest, origins }: GraphQLRoutesOptions,
): void {
  limitBodies(app);
  app.route({
    method: ['GET', 'POST'],
    url: GRAPHQL_PATH,
    exposeHeadRoute: false,
    onRequest: checkBody,
    handler,
  });
  nameMethods(app, GRAPHQL_PATH, METHODS);

  async function handler(request: FastifyRequest, reply: FastifyReply) {
    const admitted = manifest?.admit(request);
    const sentBody = admitted ? admitted.body : request.body;
    const type = usualAnswerType(request);
    if (type !== undefined) {
      const answer = await compiled.answer(sentBody as GraphQLRequestBody, request);
      if (answer !== null) {
        reply.header('content-type', type);
        return sendable(answer);
      }
    }
    const { status, headers, body } = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: {
        method: request.method,
        headers: headersOf(request),
        ...(admitted ?? withoutManifest(request)),
      },
      context: async () => request.context,
    });
    for (const [name, value] of headers) reply.header(name, value);
    if (headers.get('content-type')?.startsWith('text/html')) reply.headers(SANDBOX_POLICY);
    reply.code(status ?? 200);
    return body.kind === 'complete' ? sendable(body.string) : Readable.from(body.asyncIterator);
  }

  function headersOf({ method, headers }: FastifyRequest): HeaderMap {
    const map = new HeaderMap();
    for (const name in headers) {
      const value = headers[name];
      if (value !== undefined) map.set(name, Array.isArray(value) ? value.join(', ') : value);
    }
    // No page can forge these headers. Apollo Server prevents CSRF from all others.
    const isOurs =
      headers['sec-fetch-site'] === 'same-origin' || origins.includes(headers.origin ?? '');
    if (method === 'GET' && isOurs) map.set('apollo-require-preflight', 'true');
    return map;
  }
}

/** Only where introspection is enabled, too: it tells the same. */
export function schemaRoute(app: FastifyInstance, schema: GraphQLSchema): void {
  const text = textOf(schema);
  app.get('/schema.graphql', (_request, reply) =>
    reply.type('text/plain; charset=utf-8').send(text),
  );
}

/** Content type of the answer to a usual request, which other origins must preflight (CSRF); `undefined`: any other. */
function usualAnswerType({ method, headers, body }: FastifyRequest): string | undefined {
  const usual = method === 'POST' && headers['content-type'] === 'application/json';
  return usual && isRecord(body) ? ANSWER_TYPES.get(headers.accept ?? '*/*') : undefined;
}
