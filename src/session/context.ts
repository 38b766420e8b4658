import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import type { UserInstallations } from '../installations/installation.reader.js';
import type { UserRow } from '../users/user.reader.js';
import type { SessionReader } from './session-reader.js';
import type { Viewer } from './viewer.js';

/** What resolvers and routes know of a request. */
export interface Context {
  /** The signed-in user; `null`: anonymous. */
  readonly viewer: Viewer | null;
  /** Writes with the id of the request. */
  readonly log: FastifyBaseLogger;
  /** When its reads are over, by `performance.now()`, once there is one. */
  readsUntil?: number;
  /** The viewer's own, once they are asked for: a request reads them once, also where that fails. */
  ownInstallations?: Promise<UserInstallations | null>;
  /** The same of the viewer's row in the table of users. */
  ownRow?: Promise<UserRow | null>;
  /** When its first very long list is late, by `performance.now()`, and whether that has begun. */
  lists?: { until: number; begun: boolean };
  /** Whether its compiled query failed: it is left to Apollo Server, which goes on with a copy of this. */
  compiledFailed?: boolean;
}

/** The one way from a request to who asks, for GraphQL and REST alike. A bad session is anonymous. */
export interface ContextBuilder {
  /** At once, as for most requests; `null`: the request brings a seal that must be opened first. */
  remembered(request: FastifyRequest): Context | null;
  /** Opens the seal, which takes up to milliseconds. */
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
