import { METHODS } from 'node:http';
import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  LogLevel,
} from 'fastify';
import { CodedError, errorBody, logFailure, RETRY_AFTER } from '../errors.js';
import { SESSION_COOKIE, SESSION_HEADERS } from '../session/session-cookie.js';
import { errorAnswer, type Failed, GRAPHQL_PATH } from './error-answer.js';

/** The `Cache-Control` of an answer that depends on the session. */
export const UNSTORED = 'private, no-store';

/** Headers that tell a client what to do about a status. */
const STATUS_HEADERS: Record<number, Record<string, string>> = {
  // RFC 9110 §15.5.2. The scheme of draft-broyer-http-cookie-auth, for which browsers open no dialog.
  401: { 'www-authenticate': `Cookie realm="installations", cookie-name="${SESSION_COOKIE}"` },
  415: { accept: 'application/json' },
  503: { 'retry-after': String(RETRY_AFTER) },
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
    // Of an error before the hooks of the API.
    if (!reply.hasHeader('cache-control')) keepPrivate(reply);
    return reply
      .code(failed.status)
      .headers(STATUS_HEADERS[failed.status] ?? {})
      .headers(error instanceof HttpError ? error.headers : {})
      .type(type)
      .send(body);
  });
  app.setNotFoundHandler((_request, reply) => {
    keepPrivate(reply);
    return reply.code(404).send(errorBody(404, 'No such route: see /openapi.json'));
  });
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
