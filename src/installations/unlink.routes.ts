import type { FastifyInstance } from 'fastify';
import { refuseCrossSite } from '../http/cross-site.js';
import { nameMethods } from '../http/errors.js';
import { found, permit } from '../users/access.js';
import type { Unlinking } from './unlinking.js';

const ROUTE = '/api/users/:userId/installations/:installationId';

/** Unlinks as GraphQL does. The first user's client expects `true`. To be registered in a scope of its own. */
export function unlinkRoutes(
  app: FastifyInstance,
  unlinking: Unlinking,
  origins: readonly string[],
): void {
  // A body means nothing here; clients that send JSON say so of a request without one as well.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, _body, done) => done(null));
  app.delete<{ Params: { userId: string; installationId: string } }>(
    ROUTE,
    {
      onRequest: (request, _reply, done) => {
        refuseCrossSite(request.headers, origins);
        done();
      },
    },
    async ({ context, params }, reply) => {
      const user = permit(context, params.userId);
      found(await unlinking.unlink(user, params.installationId));
      reply.header('content-type', 'application/json; charset=utf-8');
      return 'true';
    },
  );
  nameMethods(app, ROUTE, ['DELETE', 'OPTIONS']);
}
