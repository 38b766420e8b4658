import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Rejection } from '../observability/events.js';
import { wasUnauthenticated } from '../session/context.js';
import { SESSION_COOKIE, SESSION_HEADER } from '../session/session-cookie.js';

/** For the developer, never for the caller. */
const EXPLANATIONS: Record<Rejection, string> = {
  none:
    `No session: the request has neither the cookie ${SESSION_COOKIE}, with all its chunks, nor the header ` +
    `${SESSION_HEADER}. Sign in at the web application, or make a cookie: npm run --silent cli -- session --user ID`,
  malformed:
    'The session is not a whole seal, Fe26.2*…: send the cookie as the web application has set it, neither cut off nor ' +
    'encoded again',
  forged:
    'The seal does not open: it was altered, or sealed with another password. Check that SESSION_PASSWORD is the web ' +
    'application’s NUXT_SESSION_PASSWORD, then sign in again',
  expired:
    'The session has expired: sign in again. If it is a new one, compare the clocks of the two servers, and ' +
    'SESSION_MAX_AGE with the session’s createdAt',
  nobody:
    'The seal opens, but the session has no user: sign in at the web application, and check that it keeps the user’s id, ' +
    'text or a whole number, in data.user.id',
  unchecked:
    'Too many seals of h3 v2 were waiting to be opened: try again. If most of them are forged, find their address',
};

/** `undefined`: the request has a viewer, or needs none. */
export function rejectionOf(request: FastifyRequest): Rejection | undefined {
  // Not every route has a context.
  return (request.context as FastifyRequest['context'] | undefined)?.rejection ?? undefined;
}

/** Logs why a session is rejected, and what to do. Many requests need no session: none is missed unless one is needed. */
export function explainRejections(api: FastifyInstance): void {
  api.addHook('onResponse', (request, _reply, done) => {
    const session = rejectionOf(request);
    if (session !== undefined && (session !== 'none' || wasUnauthenticated(request.context)))
      request.log.info({ session }, EXPLANATIONS[session]);
    done();
  });
}
