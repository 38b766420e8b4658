/**
 * SQLSTATE classes and codes of a database that cannot serve for the moment: connection exceptions,
 * insufficient resources, a server that starts or stops, a statement cut off by its timeout.
 */
const UNAVAILABLE_STATES = /^(08...|53...|57P0[1-3]|57014|25006)$/;
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** What fails of a connection. Of a file it would be for good: a certificate, a folder. */
const CONNECTION_SYSCALLS = ['connect', 'read', 'write', 'getaddrinfo'];
/** What `pg` and its pool throw without a code when a connection is late or lost. */
const CONNECTION_LOST =
  /^(Connection terminated|Query read timeout|timeout e|Client .* not queryable|Cannot use a pool after|The embedded database is closed)/;

/** What `pg` throws when its connection ends or ended in the middle of a statement. */
const CONNECTION_ENDED = /^(Connection terminated unexpectedly|Client .* not queryable)/;
/** SQLSTATE of a backend that was terminated, or that lost its client or server in the middle. */
const ENDED_STATES = ['57P01', '57P02', '08003', '08006', '08P01'];

/** What a query meets before the migrations are applied, or after the database was closed. */
export class DatabaseNotReadyError extends Error {
  constructor() {
    super('The database is not ready yet');
  }
}

/** What a read meets for which no statement is free in time. */
export class DatabaseBusyError extends Error {
  constructor() {
    super('No statement has ended in time');
  }
}

/** What a read meets whose statement and the connection for it take too long together. */
export class StatementLateError extends Error {
  constructor() {
    super('No connection and answer in time');
  }
}

/** Tells a database that is away, and may come back, from a statement that is wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const { code, errors, message, syscall } = error as NodeJS.ErrnoException & {
    errors?: unknown[];
  };
  const ours = [DatabaseNotReadyError, DatabaseBusyError, StatementLateError];
  if (ours.some((kind) => error instanceof kind)) return true;
  // Every address of a host was tried, each with an error of its own.
  if (Array.isArray(errors)) return errors.some(isDatabaseUnavailable);
  // First: EPIPE would pass for a SQLSTATE.
  if (syscall !== undefined) return CONNECTION_SYSCALLS.includes(syscall);
  if (code !== undefined && SQLSTATE.test(code)) return UNAVAILABLE_STATES.test(code);
  return CONNECTION_LOST.test(message);
}

/**
 * A pooler in transaction mode gives each statement another connection: one that has not prepared it
 * (26000), or one on which somebody else did (42P05).
 */
export function isPreparedStatementLost(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === '26000' || code === '42P05';
}

/** Tells a connection that died under a statement, which another connection might answer, from all else. */
export function isConnectionLost(error: unknown): boolean {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== undefined) return syscall === 'read' || syscall === 'write';
  return ENDED_STATES.includes(code ?? '') || CONNECTION_ENDED.test(message);
}

/** Tells a statement that was given up while it was under way. */
export function isStatementLate(error: unknown): boolean {
  return (
    error instanceof StatementLateError || (error as Error).message.startsWith('Query read timeout')
  );
}
