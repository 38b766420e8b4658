import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import { RequestReads } from './request-reads.js';
import type { SessionReader } from './session-reader.js';
import type { Viewer } from './viewer.js';

/** What resolvers and routes know of a request. */
export interface Context {
  /** The signed-in user; `null`: anonymous. */
  readonly viewer: Viewer | null;
  /** Writes with the id of the request. */
  readonly log: FastifyBaseLogger;
  readonly reads: RequestReads;
}

/** The one way from a request to its viewer, for GraphQL and REST alike. A bad session is anonymous. */
export interface ContextBuilder {
  /** The context, where it is known at once, as for most requests; `null`: a seal must be opened first. */
  remembered(request: FastifyRequest): Context | null;
  /** Opens the seal, which takes up to milliseconds. */
  opened(request: FastifyRequest): Promise<Context>;
  /** Without a session. */
  anonymous(request: FastifyRequest): Context;
}

export function createContextBuilder(sessions: SessionReader): ContextBuilder {
  const contextOf = (viewer: Viewer | null, { log }: FastifyRequest): Context => ({
    viewer,
    log,
    reads: new RequestReads(),
  });
  return {
    remembered(request) {
      const viewer = sessions.remembered(request.headers);
      return viewer === undefined ? null : contextOf(viewer, request);
    },
    opened: async (request) => contextOf(await sessions.read(request.headers), request),
    anonymous: (request) => contextOf(null, request),
  };
}
