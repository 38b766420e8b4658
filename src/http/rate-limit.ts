import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CodedError } from '../errors.js';

/** Headers of every limited response (draft-ietf-httpapi-ratelimit-headers). */
export const RATE_LIMIT_HEADERS = ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'];

/** Requests per minute; `null`: no limit. */
export interface RateLimits {
  signedIn: number | null;
  anonymous: number | null;
}

/** Limits each user, and each address without a session or with an uncached seal, which is costly to open. */
export async function limitRates(
  api: FastifyInstance,
  { signedIn, anonymous }: RateLimits,
): Promise<void> {
  if (signedIn === null && anonymous === null) return;
  const limitOf = ({ context }: FastifyRequest) => (context.viewer ? signedIn : anonymous);
  await api.register(rateLimit, {
    timeWindow: '1 minute',
    enableDraftSpec: true,
    // An IPv6 customer holds a whole /64, which counts as one address.
    keyGenerator: ({ context, ip }) =>
      context.viewer ? `user ${context.viewer.id}` : normalizeIP(ip),
    // A CORS preflight (Fetch §4.8) carries no cookie and costs nothing.
    allowList: (request) => limitOf(request) === null || request.method === 'OPTIONS',
    max: (request) => limitOf(request) ?? Number.POSITIVE_INFINITY,
    errorResponseBuilder: () => new CodedError('RATE_LIMITED'),
  });
}
