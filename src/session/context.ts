import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import { CodedError } from '../errors.js';
import type { Rejection } from '../observability/events.js';
import type { Caller } from './opening-queue.js';
import { RequestReads } from './request-reads.js';
import type { Session } from './session.js';
import type { SessionReader } from './session-reader.js';
import type { Viewer } from './viewer.js';

export interface Context {
  /** The signed-in user; `null`: anonymous. */
  readonly viewer: Viewer | null;
  /** Why there is no viewer; `null`: there is one, or the seal must still be opened. */
  readonly rejection: Rejection | null;
  readonly log: FastifyBaseLogger;
  readonly reads: RequestReads;
}

/** Requests that were refused for want of a viewer. Copies of a context, as Apollo Server makes one, share its reads. */
const refused = new WeakSet<RequestReads>();

/** The error of a request that needs a viewer and has none. */
export function unauthenticated({ reads }: Context): CodedError {
  refused.add(reads);
  return new CodedError('UNAUTHENTICATED');
}

/** Over GraphQL, too, which answers that with HTTP 200. */
export function wasUnauthenticated({ reads }: Context): boolean {
  return refused.has(reads);
}

/** Builds the context of GraphQL and REST requests. A request with an invalid session is anonymous. */
export interface ContextBuilder {
  /** `null`: the session is not cached; its seal must be opened first. */
  remembered(request: FastifyRequest): Context | null;
  opened(request: FastifyRequest, callerOf?: () => Promise<Caller>): Promise<Context>;
  anonymous(request: FastifyRequest): Context;
}

export function createContextBuilder(sessions: SessionReader): ContextBuilder {
  const contextOf = ({ viewer, rejection }: Session, { log }: FastifyRequest): Context => ({
    viewer,
    rejection,
    log,
    reads: new RequestReads(),
  });
  return {
    remembered(request) {
      const session = sessions.remembered(request.headers);
      return session === undefined ? null : contextOf(session, request);
    },
    opened: async (request, callerOf) =>
      contextOf(await sessions.open(request.headers, callerOf), request),
    anonymous: (request) => contextOf({ viewer: null, rejection: null }, request),
  };
}
