/**
 * Timeouts in milliseconds. A read waits for a slot (400) and a shared statement (400), then for another slot and a
 * statement of its own, which have what is left of READ_TIMEOUT. SILENCE_TIMEOUT and the drains at shutdown outlast all
 * reads of a request, so that the caller times out last.
 */

/** Delay of a 503 under overload: see docs/decisions/0009-faults.md. */
export const REFUSAL_DELAY = 1_500;
/** The wait for a slot in the queue; an isolated read waits longer while statements succeed. */
export const SLOT_TIMEOUT = 400;
/** The pool uses one timeout for a free connection and for opening a new one. */
export const CONNECTION_TIMEOUT = 1_000;
/**
 * A read whose statement hangs, with the wait for a connection, by the client's clock: networks die, and PgBouncer
 * rejects `statement_timeout`.
 */
export const READ_TIMEOUT = 1_000;
/** What a statement gets at least, however long its reads have waited. */
export const MIN_STATEMENT_TIMEOUT = 200;
/** A statement that several reads share; after it, each read gets its own. */
export const SHARED_STATEMENT_TIMEOUT = 400;
/** All reads of one request, of which one may need the other. */
export const READS_TIMEOUT = 2 * READ_TIMEOUT;
/** Delivery of a CancelRequest. */
export const CANCEL_TIMEOUT = 1_000;
/** An expensive seal's wait to be opened: with READS_TIMEOUT, shorter than SILENCE_TIMEOUT. */
export const SEAL_WAIT = 3_500;
/** A webhook's delivery until its answer: shorter than SILENCE_TIMEOUT, and GitHub waits 10 s. */
export const DELIVERY_TIMEOUT = 5_000;
/** One that waits for another of the same delivery or installation, or for a connection; shorter than that. */
export const DELIVERY_LOCK_TIMEOUT = 4_000;
/** A connection that writes what GitHub says, without traffic; longer than any of its statements takes. */
export const WRITE_SILENCE_TIMEOUT = 6_000;
/** A client's time to send its request. */
export const REQUEST_TIMEOUT = 14_000;
/** Between two checks for REQUEST_TIMEOUT: the default of Node.js is 30 s. */
export const REQUEST_TIMEOUT_INTERVAL = 500;
/** A client's time to take a large answer, however slowly it reads. */
export const ANSWER_TIMEOUT = 12_000;
export const ANSWER_TIMEOUT_INTERVAL = 500;
/** A socket without traffic, as of a client that does not read; longer than any wait for the database. */
export const SILENCE_TIMEOUT = 6_000;
/** The wait for the database before the port opens without it. */
export const OPEN_WAIT = 2_000;
/** The wait for an index before a start serves without it. */
export const INDEX_TIMEOUT = 60_000;
/** A probe's answer: longer than a read, whose failure says why. */
export const PROBE_TIMEOUT = 1_500;
/** Idle time of a connection during shutdown, after its last answer or since it was opened. */
export const FINAL_IDLE_TIMEOUT = 1_000;
/**
 * The wait for a request on connections that are idle at the signal, so that its answer closes them. A person at a
 * terminal (SIGINT) waits for the end.
 */
export const IDLE_DRAIN_TIMEOUT = { SIGTERM: 5_000, SIGINT: 250 };
/** Requests in flight at shutdown. */
export const DRAIN_TIMEOUT = 10_000;
/** Statements in flight after that, which are cancelled. */
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
