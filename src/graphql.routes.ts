import { type ApolloServer, HeaderMap } from '@apollo/server';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from './context.js';
import type { CodedError } from './errors.js';
import { answerable, logUnforeseen, refuseOtherMethods } from './operations/errors.js';

const METHODS = ['GET', 'POST', 'OPTIONS'];

/** Binds Apollo Server to Fastify: a request goes in as plain data, and an answer comes out so. */
export function graphqlRoutes(app: FastifyInstance, apollo: ApolloServer<Context>): void {
  app.setErrorHandler(answerAsGraphQL);
  app.route({ method: ['GET', 'POST'], url: '/graphql', exposeHeadRoute: false, handler });
  app.options('/graphql', (_request, reply) =>
    reply.code(204).header('allow', METHODS.join(', ')).send(),
  );
  refuseOtherMethods(app, '/graphql', METHODS);

  async function handler(request: FastifyRequest, reply: FastifyReply) {
    const { status, headers, body } = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: {
        method: request.method,
        headers: toHeaderMap(request.headers),
        search: request.url.includes('?') ? request.url.slice(request.url.indexOf('?')) : '',
        body: request.body,
      },
      context: async () => request.context,
    });
    for (const [name, value] of headers) reply.header(name, value);
    reply.code(status ?? 200);
    return reply.send(body.kind === 'complete' ? body.string : body.asyncIterator);
  }
}

function toHeaderMap(headers: FastifyRequest['headers']): HeaderMap {
  const map = new HeaderMap();
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) map.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return map;
}

/** What Fastify refuses before Apollo sees it, in the shape that GraphQL clients read. */
function answerAsGraphQL(
  error: FastifyError | CodedError,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  logUnforeseen(request, error);
  const answer = answerable(error);
  const extensions = 'extensions' in answer ? answer.extensions : { code: 'BAD_REQUEST' };
  return reply.code(answer.status).send({ errors: [{ message: answer.message, extensions }] });
}
