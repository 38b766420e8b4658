import { METHODS, maxHeaderSize, STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CodedError, errorBody, logFailure, RETRY_AFTER } from '../errors.js';
import { SESSION_HEADERS } from '../session/session-cookie.js';
import { DATA_POLICY } from './browser-policy.js';
import type { ServerSocket } from './connections.js';
import { logRefusal } from './request-log.js';

/** Headers of errors that occur before any hook runs. */
const REFUSAL_HEADERS = {
  ...DATA_POLICY,
  'cache-control': 'private, no-store',
  vary: SESSION_HEADERS,
};
const REFUSAL_HEAD = Object.entries({
  ...REFUSAL_HEADERS,
  'content-type': 'application/json; charset=utf-8',
  connection: 'close',
})
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');

type Failure = FastifyError | CodedError;
type ClientError = Error & { code?: string; rawPacket?: unknown };

export function handleErrors(app: FastifyInstance): void {
  app.setErrorHandler<Failure>((error, request, reply) => {
    logUnexpected(request, error);
    const { status, message } = answerable(error);
    if (status === 503) reply.header('retry-after', RETRY_AFTER);
    return reply.code(status).send(errorBody(status, message));
  });
  app.setNotFoundHandler((_request, reply) =>
    reply
      .code(404)
      .header('cache-control', 'private, no-store')
      .send(errorBody(404, 'No such route: see /openapi.json')),
  );
}

/** Passes coded errors and the framework's 4xx, and masks all others. */
export function answerable(error: Failure): CodedError | { status: number; message: string } {
  if (error instanceof CodedError) return error;
  const status = error.statusCode ?? 500;
  return status < 500
    ? { status, message: error.message }
    : new CodedError('INTERNAL_SERVER_ERROR');
}

export function logUnexpected(request: FastifyRequest, error: Failure): void {
  if (error instanceof CodedError || (error.statusCode ?? 500) >= 500)
    logFailure(request.log, error);
}

/** A path that cannot be decoded is answered as an unknown user id. */
export function handleFrameworkError(
  _error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const { status, message } = new CodedError('NOT_FOUND');
  reply.header('x-request-id', request.id).headers(REFUSAL_HEADERS);
  reply.code(status).send(errorBody(status, message));
}

/** Answers OPTIONS with `Allow`, and other methods with 405 and `Allow` (RFC 9110 §15.5.6). */
export function nameMethods(app: FastifyInstance, url: string, allowed: string[]): void {
  const allow = allowed.join(', ');
  app.options(url, (_request, reply) => reply.code(204).header('allow', allow).send());
  const others = METHODS.filter((method) => !['CONNECT', 'OPTIONS', ...allowed].includes(method));
  for (const method of others) {
    if (!app.supportedMethods.includes(method)) app.addHttpMethod(method);
  }
  const refuse = (_request: FastifyRequest, reply: FastifyReply) => {
    reply
      .code(405)
      .header('allow', allow)
      .send(errorBody(405, `Use ${allow}`));
  };
  // `onRequest` runs before the body is read.
  app.route({ method: others, url, onRequest: refuse, handler: refuse });
}

export function clientErrorHandler(
  this: FastifyInstance,
  error: ClientError,
  socket: ServerSocket,
): void {
  if (!socket.writable || error.code === 'ECONNRESET' || socket._httpMessage?.headersSent)
    return void socket.destroy();
  const status = clientErrorStatus(error);
  // A client that left while it sent the body is logged as such.
  if (error.code !== 'HPE_INVALID_EOF_STATE' || !socket._httpMessage)
    logRefusal(this.log, socket._httpMessage, status);
  const reason = STATUS_CODES[status];
  const body = JSON.stringify(errorBody(status, `The request was refused: ${reason}`));
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\n${REFUSAL_HEAD}` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function clientErrorStatus({ code, rawPacket }: ClientError): number {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408;
  if (code !== 'HPE_HEADER_OVERFLOW') return 400;
  if (!Buffer.isBuffer(rawPacket) || !/^[A-Z]+ \//.test(rawPacket.toString('latin1', 0, 32)))
    return 431;
  // A request line beyond the limit means a URL too long, not headers too large.
  const end = rawPacket.indexOf('\r\n');
  return end === -1 || end > maxHeaderSize ? 414 : 431;
}
