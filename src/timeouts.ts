/**
 * Timeouts in milliseconds. A read waits for a slot (400) and a shared statement (400), then for another slot (400) and
 * a statement of its own (1,200); the second read of a request has what the first one left. SILENCE_TIMEOUT and the
 * drains at shutdown outlast all of that, so that the caller times out last.
 */

/** Delay of a 503 under overload: see docs/decisions/0009-faults.md. */
export const REFUSAL_DELAY = 750;
/** The wait for a slot in the queue; longer while statements succeed, at the expense of the next statement. */
export const SLOT_TIMEOUT = 400;
/** The pool uses one timeout for a free connection and for opening a new one. */
export const CONNECTION_TIMEOUT = 1_000;
/** With the wait for a connection, by the client's clock: networks die, and PgBouncer rejects `statement_timeout`. */
export const STATEMENT_TIMEOUT = 1_200;
/** A statement that several reads share; after it, each read gets its own. */
export const SHARED_STATEMENT_TIMEOUT = 400;
/** All reads of one request together. */
export const READS_TIMEOUT =
  SLOT_TIMEOUT + SHARED_STATEMENT_TIMEOUT + SLOT_TIMEOUT + STATEMENT_TIMEOUT;
/** Delivery of a CancelRequest. */
export const CANCEL_TIMEOUT = 1_000;
/** A client's time to send its request. */
export const REQUEST_TIMEOUT = 14_000;
/** Between two checks for REQUEST_TIMEOUT: the default of Node.js is 30 s. */
export const REQUEST_TIMEOUT_INTERVAL = 500;
/** A socket without traffic, as of a client that does not read; longer than any wait for the database. */
export const SILENCE_TIMEOUT = 6_000;
/** The wait for the database before the port opens without it. */
export const OPEN_WAIT = 2_000;
export const PROBE_TIMEOUT = 1_000;
/** Idle time of a connection during shutdown, after its last answer or since it was opened. */
export const FINAL_IDLE_TIMEOUT = 1_000;
/**
 * The wait for a request on connections that are idle at the signal, so that its answer closes them. A person at a
 * terminal (SIGINT) waits for the end.
 */
export const IDLE_DRAIN_TIMEOUT = { SIGTERM: 5_000, SIGINT: 250 };
/** Requests in flight at shutdown. */
export const DRAIN_TIMEOUT = 10_000;
/** Statements in flight after that; an unfinished migration is rolled back. */
export const DATABASE_DRAIN_TIMEOUT = 3_000;
/** The wait for the reader of the log at the end. */
export const LOG_FLUSH_TIMEOUT = 1_000;
/** The same where the process ends at once. */
export const LOG_LAST_FLUSH_TIMEOUT = 250;
export const LOG_RETRY_INTERVAL = 100;

/** Rejects at the timeout; `work` goes on, and its result is discarded. */
export function within<T>(
  milliseconds: number,
  work: Promise<T>,
  timedOut: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timeout = setTimeout(() => reject(timedOut()), milliseconds);
    const end = () => clearTimeout(timeout);
    work.then(resolve, reject).then(end);
  });
}
