import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CodedError } from '../errors.js';

/** What its answers tell of the limit (draft-ietf-httpapi-ratelimit-headers), beside `Retry-After`. */
export const RATE_LIMIT_HEADERS = ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'];

/** Requests a minute; `null`: no limit. */
export interface RateLimits {
  signedIn: number | null;
  anonymous: number | null;
}

/**
 * Counts the requests of each signed-in user, and of each address without a session, in windows of a
 * minute; of IPv6, each /64, as one customer has all of it. A seal that was not opened before counts for
 * its address, before it is tried: that is what costs, and what anybody can send.
 */
export async function limitRates(
  api: FastifyInstance,
  { signedIn, anonymous }: RateLimits,
): Promise<void> {
  if (signedIn === null && anonymous === null) return;
  const limitOf = ({ context }: FastifyRequest) => (context.viewer ? signedIn : anonymous);
  await api.register(rateLimit, {
    timeWindow: '1 minute',
    enableDraftSpec: true,
    keyGenerator: ({ context, ip }) =>
      context.viewer ? `user ${context.viewer.id}` : normalizeIP(ip),
    // A browser's preflight (Fetch §4.8) brings no cookie, and costs nothing.
    allowList: (request) => limitOf(request) === null || request.method === 'OPTIONS',
    max: (request) => limitOf(request) ?? Number.POSITIVE_INFINITY,
    errorResponseBuilder: () => new CodedError('RATE_LIMITED'),
  });
}
