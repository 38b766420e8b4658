import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import type { UserInstallations } from '../installations/installation.reader.js';
import type { UserRow } from '../users/user.reader.js';
import type { SessionReader } from './session-reader.js';
import type { Viewer } from './viewer.js';

export interface Context {
  /** The signed-in user; `null`: anonymous. */
  readonly viewer: Viewer | null;
  readonly log: FastifyBaseLogger;
  /** Deadline of its reads, by `performance.now()`; set by the first one. */
  readsUntil?: number;
  /** Both rows are read once for each request, also if the read fails. */
  ownInstallations?: Promise<UserInstallations | null>;
  ownRow?: Promise<UserRow | null>;
  /** Deadline of its first large list to begin, by `performance.now()`. */
  lists?: { until: number; begun: boolean };
  /** Whether its compiled query failed and falls back to Apollo's execution, with a copy of this context. */
  compiledFailed?: boolean;
}

/** Builds the context of GraphQL and REST requests. A request with an invalid session is anonymous. */
export interface ContextBuilder {
  /** `null`: the session is not cached; its seal must be opened first. */
  remembered(request: FastifyRequest): Context | null;
  opened(request: FastifyRequest): Promise<Context>;
}

export function createContextBuilder(sessions: SessionReader): ContextBuilder {
  return {
    remembered({ headers, log }) {
      const viewer = sessions.remembered(headers);
      return viewer === undefined ? null : { viewer, log };
    },
    async opened({ headers, log }) {
      return { viewer: await sessions.read(headers), log };
    },
  };
}
