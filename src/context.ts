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

export type ContextBuilder = (request: FastifyRequest) => Promise<Context>;

/** The one way from a request to who asks, for GraphQL and REST alike. A bad session is anonymous. */
export function createContextBuilder(sessions: SessionReader): ContextBuilder {
  return async ({ headers, log }) => ({ viewer: await sessions.read(headers), log });
}
