import { messageOf } from '../errors.js';

/** Classes of SQLSTATE that say nothing of the statement or its tables: it may succeed later. Poolers use some of them too. */
const PASSING_CLASSES = /^(08|25|28|3D|40|53|55|57|58|F0|XX)/;
/** The connection was lost, or the transaction rolled back for another one, as on a standby. */
const REPEATABLE_CLASSES = /^(08|40|57P)/;
/** Of what may pass: a statement that takes too long, a page that cannot be read. */
const OF_ONE_KEY = /^(57014|58|XX)/;
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** Failures of other system calls are permanent: a missing certificate or folder. */
const LOST_SYSCALLS = ['read', 'write'];
/** Errors of `pg` and its pool that have no code. */
const CONNECTION_LOST = /^(Connection terminated unexpectedly|Client .* not queryable)/;

/** The database does not answer a read: 503 for the caller. */
export abstract class DatabaseUnavailableError extends Error {}

/** Thrown while the tables are not ready to be read, and after the database is closed. */
export class DatabaseNotReadyError extends DatabaseUnavailableError {
  constructor() {
    super('The database is not ready yet');
  }
}

/** Thrown when a read times out in the queue. */
export class DatabaseBusyError extends DatabaseUnavailableError {
  constructor() {
    super('No slot for a statement was free in time');
  }
}

/** Thrown when a statement, with the wait for its connection, times out. */
export class StatementTimeoutError extends DatabaseUnavailableError {
  constructor() {
    super('The statement has timed out');
  }
}

/** Thrown where there is no connection for a statement, whatever the reason. */
export class ConnectionError extends DatabaseUnavailableError {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
  }
}

/** Thrown where a statement fails on its connection. */
class StatementError extends DatabaseUnavailableError {
  constructor(cause: unknown) {
    // Its own message may quote data.
    super('The statement has failed', { cause });
  }
}

/** The error of a read, by what `pg` has thrown. */
export function readError(error: unknown): DatabaseUnavailableError {
  if (error instanceof DatabaseUnavailableError) return error;
  return isTimeout(error) ? new StatementTimeoutError() : new StatementError(error);
}

/** SQLSTATE of an error, or of its cause; `null`: the database has not reported it. */
export function sqlStateOf(error: unknown): string | null {
  const { code, syscall, cause } = error as NodeJS.ErrnoException;
  // EPIPE has the same form.
  if (syscall === undefined && SQLSTATE.test(code ?? '')) return code as string;
  return cause instanceof Error ? sqlStateOf(cause) : null;
}

/** Whether it may pass by waiting, and says nothing of the tables. */
export function isPassing(error: unknown): boolean {
  if (error instanceof StatementError) return isPassing(error.cause);
  if (error instanceof DatabaseUnavailableError || isTimeout(error)) return true;
  const state = sqlStateOf(error);
  return state === null ? isLost(error) : PASSING_CLASSES.test(state);
}

/** Whether a batch may have failed for one of its keys alone. */
export function mayBeOfOneKey(error: unknown): boolean {
  if (error instanceof ConnectionError) return false;
  const state = sqlStateOf(error) ?? '';
  if (error instanceof StatementTimeoutError || OF_ONE_KEY.test(state)) return true;
  return !isPassing(error) && !state.startsWith('42');
}

/** Whether a value cannot be converted, or a character not be stored: SQLSTATE class 22. */
export function isDataException(error: unknown): boolean {
  return sqlStateOf(error)?.startsWith('22') === true;
}

/** A pooler in transaction mode may use a connection without the statement (26000), or with another client's (42P05). */
export function isPreparedStatementLost(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === '26000' || state === '42P05';
}

/** Whether a read may succeed by itself on another connection, and unprepared: 0A000 is a plan of changed tables. */
export function isRepeatable(error: unknown): boolean {
  const state = sqlStateOf(error);
  if (state !== null) return REPEATABLE_CLASSES.test(state) || state === '0A000';
  return isLost(error instanceof ConnectionError ? error.cause : error);
}

export function isTimeout(error: unknown): boolean {
  return (error as Error).message.startsWith('Query read timeout');
}

function isLost(error: unknown): boolean {
  const { syscall, message } = error as NodeJS.ErrnoException;
  return syscall === undefined ? CONNECTION_LOST.test(message) : LOST_SYSCALLS.includes(syscall);
}
