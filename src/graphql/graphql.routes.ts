import { STATUS_CODES } from 'node:http';
import { Readable } from 'node:stream';
import { type ApolloServer, HeaderMap } from '@apollo/server';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import { CodedError } from '../errors.js';
import { answerable, logUnexpected, nameMethods } from '../http/errors.js';
import type { Context } from '../session/context.js';
import {
  type CompiledOperations,
  type GraphQLRequestBody,
  isRecord,
} from './compiled-operations.js';
import { type OperationsManifest, searchOf } from './operations-manifest.js';
import { limitBodies } from './query-limits.js';
import { SANDBOX_POLICY } from './sandbox.js';
import { textOf } from './schema.js';

const METHODS = ['GET', 'POST'];
/** What browsers and GraphQL clients send as `Accept`, and what Apollo Server answers to it. */
const ANSWER_TYPES = new Map([
  ['*/*', 'application/json; charset=utf-8'],
  ['application/json', 'application/json; charset=utf-8'],
  [
    'application/graphql-response+json,application/json;q=0.9',
    'application/graphql-response+json; charset=utf-8',
  ],
]);

/** Characters. Node.js would copy a longer text beside the headers until it is written: long-lived, as V8 sees it. */
const SENT_AS_BYTES = 64 * 1024;

/** Binds Apollo Server to Fastify. `manifest`: the only operations that run; `null`: any. */
export function graphqlRoutes(
  app: FastifyInstance,
  apollo: ApolloServer<Context>,
  compiled: CompiledOperations,
  manifest: OperationsManifest | null,
): void {
  app.setErrorHandler(answerAsGraphQL);
  limitBodies(app);
  app.route({ method: ['GET', 'POST'], url: '/graphql', exposeHeadRoute: false, handler });
  nameMethods(app, '/graphql', METHODS);

  async function handler(request: FastifyRequest, reply: FastifyReply) {
    manifest?.admit(request);
    const type = usualAnswerType(request);
    if (type !== undefined) {
      const answer = await compiled.answer(request.body as GraphQLRequestBody, request);
      if (answer !== null) {
        reply.header('content-type', type);
        return sendable(answer);
      }
    }
    const { status, headers, body } = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: {
        method: request.method,
        headers: toHeaderMap(request.headers),
        search: searchOf(request.url),
        body: request.body,
      },
      context: async () => request.context,
    });
    for (const [name, value] of headers) reply.header(name, value);
    if (headers.get('content-type')?.startsWith('text/html')) reply.headers(SANDBOX_POLICY);
    reply.code(status ?? 200);
    return body.kind === 'complete' ? sendable(body.string) : Readable.from(body.asyncIterator);
  }
}

/** Only where introspection is enabled, too: it tells the same. */
export function schemaRoute(app: FastifyInstance, schema: GraphQLSchema): void {
  const text = textOf(schema);
  app.get('/schema.graphql', (_request, reply) =>
    reply.type('text/plain; charset=utf-8').send(text),
  );
}

function sendable(answer: string): string | Buffer {
  return answer.length > SENT_AS_BYTES ? Buffer.from(answer) : answer;
}

/** Content type of the answer to a usual request, which other origins must preflight (CSRF); `undefined`: any other. */
function usualAnswerType({ method, headers, body }: FastifyRequest): string | undefined {
  const usual = method === 'POST' && headers['content-type'] === 'application/json';
  return usual && isRecord(body) ? ANSWER_TYPES.get(headers.accept ?? '*/*') : undefined;
}

function toHeaderMap(headers: FastifyRequest['headers']): HeaderMap {
  const map = new HeaderMap();
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) map.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return map;
}

/** Errors that Fastify raises before Apollo Server, in the shape that GraphQL clients read. */
function answerAsGraphQL(
  error: FastifyError | CodedError,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  logUnexpected(request, error);
  const answer = answerable(error);
  const { message, extensions } =
    answer instanceof CodedError
      ? answer
      : {
          message: `${STATUS_CODES[answer.status]}: ${answer.message}`,
          extensions: { code: 'BAD_REQUEST' },
        };
  return reply.code(answer.status).send({ errors: [{ message, extensions }] });
}
