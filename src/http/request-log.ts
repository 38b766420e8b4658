import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type FastifyBaseLogger,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { type AnsweredRequest, type Rejection, requests } from '../observability/events.js';
import { rejectionOf } from './rejected-sessions.js';

const ACCEPTABLE = /^[\w.:-]{1,128}$/;
/** As in nginx. The connection was closed before the end of the answer. */
const CLOSED = 499;

/** Answers of `clientErrorHandler`, which are written without the response. */
const refusals = new WeakMap<ServerResponse, number>();

/** Kept in the request, for an answer of the parser. */
const ID = Symbol('id');

type Identified = Pick<IncomingMessage, 'headers'> & { [ID]?: string };

/** The caller's `X-Request-Id`, if it is safe to log, so that logs can be joined; else a new one. */
export function idOf(request: Identified): string {
  const given = request.headers['x-request-id'];
  request[ID] ??= typeof given === 'string' && ACCEPTABLE.test(given) ? given : randomUUID();
  return request[ID];
}

/** One line per request, answered or not, with the route instead of the URL and no headers: no user id, no cookie. */
export class RequestLog extends LogController {
  override incomingRequest(request: FastifyRequest, reply: FastifyReply): void {
    const { raw } = reply;
    // It was held back until the client had left: see connections.ts.
    if (request.raw.socket.destroyed) return void logEnd(request, reply);
    if (raw.socket !== null) return void raw.on('close', () => logEnd(request, reply));
    // Pipelined behind another request: Node.js does not close such a response with its connection.
    const { socket } = request.raw;
    const end = () => {
      raw.off('close', end);
      socket.off('close', end);
      logEnd(request, reply);
    };
    raw.on('close', end);
    socket.setMaxListeners(0).on('close', end);
  }

  /** Called for complete answers only. */
  override requestCompleted(): void {}
}

/** Logs an answer of the HTTP parser; `response`: of the request in progress, if its head was valid. */
export function logRefusal(
  log: FastifyBaseLogger,
  response: ServerResponse | null | undefined,
  status: number,
  reqId: string,
): void {
  if (response) refusals.set(response, status);
  else publish(log.child({ reqId }), { method: null, route: null, status, milliseconds: null });
}

function logEnd(request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = reply;
  const answered = {
    method: request.method,
    route: request.routeOptions.url ?? null,
    status: raw.writableFinished ? raw.statusCode : (refusals.get(raw) ?? CLOSED),
    milliseconds: Math.round(reply.elapsedTime * 1000) / 1000,
  };
  publish(request.log, answered, rejectionOf(request));
}

function publish(log: FastifyBaseLogger, request: AnsweredRequest, session?: Rejection): void {
  const line = session === undefined ? request : { ...request, session };
  log.info(line, request.status === CLOSED ? 'request aborted' : 'request answered');
  if (requests.hasSubscribers) requests.publish(request);
}
