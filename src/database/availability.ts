/** Connection exceptions, insufficient resources, startup and shutdown, timeouts, read-only transactions. */
const UNAVAILABLE_STATES = /^(08...|53...|57P0[1-3]|57014|25006)$/;
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** Failures of other system calls are permanent: a missing certificate or folder. */
const CONNECTION_SYSCALLS = ['connect', 'read', 'write', 'getaddrinfo'];
/** Errors of `pg` and its pool that have no code. */
const CONNECTION_LOST =
  /^(Connection terminated|Query read timeout|timeout e|Client .* not queryable|Cannot use a pool after|The embedded database is closed)/;

const CONNECTION_ENDED = /^(Connection terminated unexpectedly|Client .* not queryable)/;
/** SQLSTATE of a backend that was terminated, or that lost its client or server. */
const ENDED_STATES = ['57P01', '57P02', '08003', '08006', '08P01'];

/** Thrown before the migrations are applied, and after the database is closed. */
export class DatabaseNotReadyError extends Error {
  constructor() {
    super('The database is not ready yet');
  }
}

/** Thrown when a read times out in the queue. */
export class DatabaseBusyError extends Error {
  constructor() {
    super('No slot for a statement was free in time');
  }
}

/** Thrown when a statement, with the wait for its connection, times out. */
export class StatementTimeoutError extends Error {
  constructor() {
    super('The statement has timed out');
  }
}

/** Whether the failure is temporary, and not of the statement itself. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const { code, errors, message, syscall } = error as NodeJS.ErrnoException & {
    errors?: unknown[];
  };
  const ours = [DatabaseNotReadyError, DatabaseBusyError, StatementTimeoutError];
  if (ours.some((kind) => error instanceof kind)) return true;
  // An AggregateError: one error for each address of the host.
  if (Array.isArray(errors)) return errors.some(isDatabaseUnavailable);
  // Before the SQLSTATE check, whose pattern EPIPE matches.
  if (syscall !== undefined) return CONNECTION_SYSCALLS.includes(syscall);
  if (code !== undefined && SQLSTATE.test(code)) return UNAVAILABLE_STATES.test(code);
  return CONNECTION_LOST.test(message);
}

/** A pooler in transaction mode may use a connection without the statement (26000), or with another client's (42P05). */
export function isPreparedStatementLost(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === '26000' || code === '42P05';
}

/** Whether the connection ended during a statement: it may be repeated on another one. */
export function isConnectionLost(error: unknown): boolean {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== undefined) return syscall === 'read' || syscall === 'write';
  return ENDED_STATES.includes(code ?? '') || CONNECTION_ENDED.test(message);
}

export function isStatementTimeout(error: unknown): boolean {
  return (
    error instanceof StatementTimeoutError ||
    (error as Error).message.startsWith('Query read timeout')
  );
}
