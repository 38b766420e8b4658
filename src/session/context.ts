import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import { RequestReads } from './request-reads.js';
import type { SessionReader } from './session-reader.js';
import type { Viewer } from './viewer.js';

export interface Context {
  /** The signed-in user; `null`: anonymous. */
  readonly viewer: Viewer | null;
  readonly log: FastifyBaseLogger;
  readonly reads: RequestReads;
}

/** Builds the context of GraphQL and REST requests. A request with an invalid session is anonymous. */
export interface ContextBuilder {
  /** `null`: the session is not cached; its seal must be opened first. */
  remembered(request: FastifyRequest): Context | null;
  opened(request: FastifyRequest): Promise<Context>;
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
