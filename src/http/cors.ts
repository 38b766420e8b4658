import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import { allowLocalNetwork } from './local-network.js';
import { RATE_LIMIT_HEADERS } from './rate-limit.js';

const METHODS = ['GET', 'HEAD', 'POST', 'DELETE'];
/** Headers of answers that pages may read. */
const EXPOSED = ['etag', 'retry-after', 'x-request-id', ...RATE_LIMIT_HEADERS];

/** Lets pages of these origins send credentials and any header. */
export async function allowOrigins(
  app: FastifyInstance,
  origins: readonly string[],
): Promise<void> {
  if (origins.length === 0) return;
  await app.register(cors, {
    // A function, so that other origins are told nothing.
    origin: (origin, done) =>
      done(null, origin !== undefined && origins.includes(origin) && origin),
    credentials: true,
    methods: METHODS,
    maxAge: 7200,
    exposedHeaders: EXPOSED,
    strictPreflight: false,
    preflightContinue: true,
  });
  allowLocalNetwork(app);
}

/** The same, for an answer that no hook has passed. */
export function originHeaders(
  origins: readonly string[],
  origin: string | undefined,
): Record<string, string> {
  if (origin === undefined || !origins.includes(origin)) return {};
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': EXPOSED.join(', '),
  };
}
