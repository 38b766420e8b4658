import { types } from 'node:util';

/** SQLSTATE classes whose messages quote what does not fit: data, constraints, errors that others raise. */
const QUOTES_DATA = /^(22|23|P0)...$/;

interface LoggedError {
  type: string;
  message: string;
  code?: string | undefined;
  syscall?: string | undefined;
  /** Of a database's error: the function of PostgreSQL that found it. */
  routine?: string | undefined;
  /** Where in the code. */
  stack?: string | undefined;
  cause?: LoggedError;
  errors?: LoggedError[];
}

/**
 * What the log has of an error. Named one by one, as errors carry more than they show: PostgreSQL's the
 * parameters of a statement and whole rows, TypeORM's the statement, a URL's the URL with its password.
 */
export function describeError(error: unknown): LoggedError {
  if (!isError(error)) return { type: typeof error, message: 'not logged: it is no error' };
  const { message, stack, cause, errors } = error;
  const code = text(error.code);
  return {
    type: error.constructor.name,
    message: QUOTES_DATA.test(code ?? '') ? 'not logged: it may quote data' : message,
    code,
    syscall: text(error.syscall),
    routine: text(error.routine),
    stack: stack?.match(/^ {4}at .*$/gm)?.join('\n'),
    ...(cause !== undefined && { cause: describeError(cause) }),
    ...(Array.isArray(errors) && { errors: errors.map(describeError) }),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function isError(value: unknown): value is Error & Record<string, unknown> {
  return types.isNativeError(value);
}
