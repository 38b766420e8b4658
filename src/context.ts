import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import type { SessionReader } from './session/session-reader.js';
import type { Viewer } from './session/viewer.js';

/** What resolvers and routes know of a request. */
export interface Context {
  /** The signed-in user; `null`: anonymous. */
  readonly viewer: Viewer | null;
  /** Writes with the id of the request. */
  readonly log: FastifyBaseLogger;
}

export type ContextBuilder = (request: FastifyRequest) => Context | Promise<Context>;

/**
 * The one way from a request to who asks, for GraphQL and REST alike. A bad session is anonymous.
 * At once, without a promise, where the session is remembered: that is the way of most requests.
 */
export function createContextBuilder(sessions: SessionReader): ContextBuilder {
  return ({ headers, log }) => {
    const viewer = sessions.read(headers);
    return viewer instanceof Promise
      ? viewer.then((opened) => ({ viewer: opened, log }))
      : { viewer, log };
  };
}
