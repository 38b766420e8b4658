import { types } from 'node:util';

/** SQLSTATE classes whose messages quote data: data exceptions, constraint violations, PL/pgSQL errors. */
const QUOTES_DATA = /^(22|23|P0)...$/;

interface LoggedError {
  type: string;
  message: string;
  code?: string | undefined;
  syscall?: string | undefined;
  /** The function of PostgreSQL that reported it. */
  routine?: string | undefined;
  stack?: string | undefined;
  cause?: LoggedError;
  errors?: LoggedError[];
}

/** An allowlist: other fields hold parameters and rows (`pg`), statements (TypeORM), passwords (invalid URLs). */
export function describeError(error: unknown): LoggedError {
  if (!isError(error)) return { type: typeof error, message: 'not logged: it is not an Error' };
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
