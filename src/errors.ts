import { STATUS_CODES } from 'node:http';
import type { FastifyBaseLogger } from 'fastify';
import { GraphQLError } from 'graphql';

/** Errors that a caller may see; `description` is Markdown for the schema. */
const CODES = {
  UNAUTHENTICATED: {
    status: 401,
    message: 'Not signed in: send a valid neptun-session cookie',
    description: 'there is no valid session: sign in again',
  },
  FORBIDDEN: {
    status: 403,
    message:
      'A page of another site may not change anything here: its origin is not in CORS_ORIGINS',
    description:
      'a page of another site may not change anything (HTTP 403): the operator allows its origin by `CORS_ORIGINS`',
  },
  NOT_FOUND: {
    status: 404,
    message: 'User not found',
    description:
      'there is no such user or installation, or it is not the session’s own: the two cannot be told apart',
  },
  BAD_USER_INPUT: {
    status: 400,
    message: 'An argument or a variable has a value that it cannot have',
    description:
      'an argument or a variable has a value that it cannot have, which the message names',
  },
  QUERY_TOO_COMPLEX: {
    status: 400,
    message: 'The query is too complex: ask for less at once',
    description:
      'the query exceeds a limit, which the message names (HTTP 400): ask for less at once',
  },
  QUERY_NOT_IN_SAFELIST: {
    status: 400,
    message:
      'This server runs only the operations of its manifest, which does not contain this one',
    description: 'the server runs only the operations of its manifest (HTTP 400): ask its operator',
  },
  RATE_LIMITED: {
    status: 429,
    message: 'Too many requests: wait as many seconds as Retry-After says',
    description: 'too many requests (HTTP 429): wait as many seconds as `Retry-After` says',
  },
  SERVICE_UNAVAILABLE: {
    status: 503,
    message: 'The service is unavailable for the moment: try again shortly',
    description: 'the database is away, or the service overloaded: try again shortly',
  },
  INTERNAL_SERVER_ERROR: {
    status: 500,
    message: 'Something went wrong on our side: report it with the X-Request-Id of this answer',
    description: 'unforeseen: report it with the `X-Request-Id` of the answer',
  },
} as const;

export type ErrorCode = keyof typeof CODES;

export const ERROR_CODES_DESCRIPTION = Object.entries(CODES)
  .map(([code, { description }]) => `- \`${code}\`: ${description}`)
  .join('\n');

/** Seconds after which a caller may retry a 503. */
export const RETRY_AFTER = 2;

/** An error that is sent to the caller. Any other is masked as `INTERNAL_SERVER_ERROR`. */
export class CodedError extends GraphQLError {
  /** HTTP status of the error over REST. */
  readonly status: number;

  constructor(code: ErrorCode, options: { message?: string } = {}) {
    const { status, message } = CODES[code];
    super(options.message ?? message, { extensions: { code } });
    this.status = status;
  }
}

/** The documented body of every REST error. */
export interface ErrorBody {
  statusCode: number;
  statusMessage: string;
  data: { message: string };
}

export function errorBody(statusCode: number, message: string): ErrorBody {
  return { statusCode, statusMessage: STATUS_CODES[statusCode] ?? 'Error', data: { message } };
}

/** Logs unexpected errors; neither the caller's mistakes, nor an outage, which is logged once for all requests. */
export function logFailure(log: FastifyBaseLogger, error: unknown): void {
  if (!(error instanceof GraphQLError)) log.error({ err: error }, 'unexpected error');
}

/** SQLSTATE of a right that is lacking. */
const LACKS_RIGHT = '42501';

/** What went wrong, in one line. Where every address of a host was tried, each with an error of its own, the first. */
export function messageOf(error: unknown): string {
  const { code, message, detail } = (
    error instanceof AggregateError ? error.errors[0] : error
  ) as Error & { code?: string; detail?: string };
  // PostgreSQL names the right to connect only there.
  return code === LACKS_RIGHT && detail ? `${message}: ${detail}` : message;
}
