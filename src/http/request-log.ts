import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { requests } from '../observability/events.js';
import { rejectionOf } from './rejected-sessions.js';

const ACCEPTABLE = /^[\w.:-]{1,128}$/;

/** The caller's `X-Request-Id`, if it is safe to log, so that logs can be joined; else a new one. */
export function requestId(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && ACCEPTABLE.test(given) ? given : randomUUID();
}

/** One line per request, with the route instead of the URL and no headers: no user id, no cookie. */
export class RequestLog extends LogController {
  override incomingRequest(): void {}

  override requestCompleted(
    error: Error | null,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    const { method } = request;
    const route = request.routeOptions.url ?? null;
    const status = reply.statusCode;
    const milliseconds = Math.round(reply.elapsedTime * 1000) / 1000;
    const session = rejectionOf(request);
    request.log.info(
      { method, route, status, milliseconds, session, ...(error && { err: error }) },
      'request answered',
    );
    if (requests.hasSubscribers) requests.publish({ method, route, status, milliseconds });
  }
}
