import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CodedError } from '../errors.js';
import type { Caller } from '../session/opening-queue.js';
import { networkOf } from './client-address.js';
import { RateCounters } from './rate-counters.js';

/** Headers of every limited response (draft-ietf-httpapi-ratelimit-headers). */
export const RATE_LIMIT_HEADERS = ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'];

/** Requests per minute; `null`: no limit. */
export interface RateLimits {
  signedIn: number | null;
  anonymous: number | null;
}

/** Limits each user, and the requests of each address without a valid session. @returns who sends a request */
export async function limitRates(
  api: FastifyInstance,
  { signedIn, anonymous }: RateLimits,
): Promise<(request: FastifyRequest) => Promise<Caller>> {
  const limitOf = ({ context }: FastifyRequest) => (context.viewer ? signedIn : anonymous);
  await api.register(rateLimit, {
    global: signedIn !== null || anonymous !== null,
    // After the hook that opens the session, before the body is read.
    hook: 'preParsing',
    store: RateCounters,
    timeWindow: '1 minute',
    enableDraftSpec: true,
    keyGenerator: (request) =>
      request.context.viewer ? `user ${request.context.viewer.id}` : networkOf(request.ip),
    // A CORS preflight (Fetch §4.8) carries no cookie and costs nothing. A session whose seal was not opened may be valid:
    // it is refused with 503 by shed-load.ts, and does not count for its address.
    allowList: (request) =>
      limitOf(request) === null ||
      request.method === 'OPTIONS' ||
      request.context.rejection === 'unchecked',
    max: (request) => limitOf(request) ?? Number.POSITIVE_INFINITY,
    errorResponseBuilder: () => new CodedError('RATE_LIMITED'),
  });
  const rateOf = api.createRateLimit();
  return async (request) => {
    const rate = await rateOf(request, { increment: false });
    return {
      address: networkOf(request.ip),
      remaining: rate.isAllowed ? Number.POSITIVE_INFINITY : rate.remaining,
      isGone: () => request.raw.socket.destroyed,
    };
  };
}
