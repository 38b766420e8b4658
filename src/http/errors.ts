import { randomUUID } from 'node:crypto';
import { METHODS, maxHeaderSize, type ServerResponse, STATUS_CODES } from 'node:http';
import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  LogLevel,
} from 'fastify';
import { CodedError, errorBody, logFailure, RETRY_AFTER } from '../errors.js';
import { SESSION_COOKIE, SESSION_HEADERS } from '../session/session-cookie.js';
import { DATA_POLICY } from './browser-policy.js';
import {
  type Asked,
  errorAnswer,
  type Failed,
  GRAPHQL_PATH,
  isGraphQLTarget,
} from './error-answer.js';
import { afterAnswers, inTurn, type ServerSocket } from './pipelining.js';
import { idOf, logRefusal } from './request-log.js';

const UNSTORED = 'private, no-store';
/** Headers of errors that occur before any hook runs. */
const REFUSAL_HEADERS = {
  ...DATA_POLICY,
  'cache-control': UNSTORED,
  vary: SESSION_HEADERS,
};
/** Headers that tell a client what to do about a status. */
const STATUS_HEADERS: Record<number, Record<string, string>> = {
  // RFC 9110 §15.5.2. The scheme of draft-broyer-http-cookie-auth, for which browsers open no dialog.
  401: { 'www-authenticate': `Cookie realm="installations", cookie-name="${SESSION_COOKIE}"` },
  415: { accept: 'application/json' },
  503: { 'retry-after': String(RETRY_AFTER) },
};

/** What was wrong with a request that Node.js could not read. */
const REFUSALS: Record<number, string> = {
  400: 'Send valid HTTP/1.1',
  405: 'This server is no proxy',
  408: 'Send the whole request sooner',
  414: 'Send a shorter URL',
  431: 'Send fewer or shorter headers, 16 KiB at most',
};

/** An error of the protocol, not of an API, with further headers for its answer. */
export class HttpError extends Error {
  constructor(
    readonly statusCode: number,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }
}

type Failure = FastifyError | HttpError | CodedError;
type ClientError = Error & { code?: string; rawPacket?: unknown };

/** For the user of a session alone, whom errors depend on as well. */
export function keepPrivate(reply: FastifyReply): void {
  const vary = reply.hasHeader('vary') ? `${reply.getHeader('vary')}, ` : '';
  reply.header('vary', `${vary}${SESSION_HEADERS}`).header('cache-control', UNSTORED);
}

/** Answers all errors in the form of the API that was asked. */
export function handleErrors(app: FastifyInstance): void {
  app.setErrorHandler<Failure>((error, request, reply) => {
    logUnexpected(request, error);
    const failed = answerable(error);
    const { routeOptions, headers } = request;
    const asked = { isGraphQL: routeOptions.url === GRAPHQL_PATH, accept: headers.accept };
    const { type, body } = errorAnswer(asked, failed);
    if (error instanceof HttpError) reply.headers(error.headers);
    // Of an error before the hooks of the API.
    if (!reply.hasHeader('cache-control')) keepPrivate(reply);
    return reply
      .code(failed.status)
      .headers(STATUS_HEADERS[failed.status] ?? {})
      .type(type)
      .send(body);
  });
  app.setNotFoundHandler((_request, reply) =>
    reply
      .code(404)
      .header('cache-control', UNSTORED)
      .send(errorBody(404, 'No such route: see /openapi.json')),
  );
}

/** Passes coded errors and 4xx of the protocol, and masks all others. */
function answerable(error: Failure): Failed {
  if (error instanceof CodedError) return error;
  const status = error.statusCode ?? 500;
  if (status >= 500) return new CodedError('INTERNAL_SERVER_ERROR');
  const isFastifys415 = status === 415 && !(error instanceof HttpError);
  return { status, message: isFastifys415 ? 'Send the body as application/json' : error.message };
}

function logUnexpected(request: FastifyRequest, error: Failure): void {
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
  inTurn(reply.raw, () => reply.code(status).send(errorBody(status, message)));
}

/** Answers other methods with 405 and `Allow` (RFC 9110 §15.5.6), and OPTIONS with `Allow` where nothing else does. */
export function nameMethods(
  app: FastifyInstance,
  url: string,
  allowed: string[],
  options: { logLevel?: LogLevel } = {},
): void {
  const allow = allowed.join(', ');
  if (!app.hasRoute({ method: 'OPTIONS', url }))
    app.options(url, (_request, reply) => reply.code(204).header('allow', allow).send());
  const others = METHODS.filter((method) => !['CONNECT', 'OPTIONS', ...allowed].includes(method));
  for (const method of others) {
    if (!app.supportedMethods.includes(method)) app.addHttpMethod(method);
  }
  app.route({
    ...options,
    method: others,
    url,
    // Before the body is read.
    onRequest: (_request, _reply, done) => done(new HttpError(405, `Use ${allow}`, { allow })),
    handler: () => {},
  });
}

export function clientErrorHandler(
  this: FastifyInstance,
  error: ClientError,
  socket: ServerSocket,
): void {
  const isAnswered = !socket._httpMessage && socket.parser?.incoming?.complete === false;
  if (!socket.writable || error.code === 'ECONNRESET' || isAnswered) return void socket.destroy();
  afterAnswers(socket, (response) => {
    if (!socket.writable || response?.headersSent) return void socket.destroy();
    const status = clientErrorStatus(error);
    const id = response ? idOf(response.req) : randomUUID();
    // A client that left while it sent the body is logged as such.
    if (error.code !== 'HPE_INVALID_EOF_STATE' || !response)
      logRefusal(this.log, response, status, id);
    socket.end(rawRefusal(status, id, {}, askedIn(error, response)));
  });
}

/** The bytes of an answer to a request that is not read further. */
export function rawRefusal(
  status: number,
  requestId: string,
  headers: Record<string, string>,
  asked: Asked = { isGraphQL: false, accept: undefined },
): string {
  const reason = STATUS_CODES[status];
  const { type, body } = errorAnswer(asked, { status, message: REFUSALS[status] ?? '' });
  const head = Object.entries({
    ...REFUSAL_HEADERS,
    ...headers,
    'x-request-id': requestId,
    'content-type': type,
    connection: 'close',
    'content-length': Buffer.byteLength(body),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${reason}\r\n${head.join('')}\r\n${body}`;
}

/** What was asked, as far as it has arrived. */
function askedIn({ rawPacket }: ClientError, response: ServerResponse | null | undefined): Asked {
  if (response) {
    const { url = '', headers } = response.req;
    return { isGraphQL: isGraphQLTarget(url), accept: headers.accept };
  }
  const head = Buffer.isBuffer(rawPacket) ? rawPacket.toString('latin1') : '';
  const [, target = ''] = /^[A-Z]+ (\S+)/.exec(head) ?? [];
  return { isGraphQL: isGraphQLTarget(target), accept: /^accept:(.*)$/im.exec(head)?.[1] };
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
