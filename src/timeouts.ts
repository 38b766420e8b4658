/**
 * Every time-out of the process, in milliseconds. They agree so that who asks first gives up last:
 *
 * - A read waits for its turn, and for its statement with a connection: a shared one, and then one of its own
 *   where the first was late. 400, 700, 400 and 1,200: no caller waits for three seconds, on a busy machine
 *   either, as a request's second read has what its first has left.
 * - A statement that is given up is cancelled on the server as well, in the background.
 * - Very long lists then wait for those of their user's other requests: 1,500, and what the one under way still takes.
 * - A request, and the drain at the end, outlast all of that.
 */

/** Before a request too many is refused: see docs/decisions/0009-faults.md. */
export const REFUSAL_DELAY = 750;
/**
 * A read's wait for its turn, while as many statements as may be are under way and none succeeds. Where they
 * do, it is longer, and its statement's time shorter by as much.
 */
export const SLOT_TIMEOUT = 400;
/** For a connection from the pool, and for a new one to be opened: the pool knows one time for both. */
export const CONNECTION_TIMEOUT = 1_000;
/**
 * A statement of the read path with the wait for a connection, by the client's own clock: a server behind
 * a dead network keeps no time, and PgBouncer refuses `statement_timeout` at the start of a connection.
 * Migrations take as long as they take.
 */
export const STATEMENT_TIMEOUT = 1_200;
/** The same of a statement that several reads share: each gets one of its own after it. */
export const SHARED_STATEMENT_TIMEOUT = 700;
/** All that the reads of a request may take together. */
export const READS_TIMEOUT =
  SLOT_TIMEOUT + SHARED_STATEMENT_TIMEOUT + SLOT_TIMEOUT + STATEMENT_TIMEOUT;
/** A request's very long lists' wait for their user's others: what comes to its turn later is refused. */
export const LISTS_TIMEOUT = 1_500;
/** To deliver the cancellation of a statement that was given up. */
export const CANCEL_TIMEOUT = 1_000;
/** For a client to send its request, from its first byte or from its connection. */
export const REQUEST_TIMEOUT = 14_000;
/** Between two looks for clients that are late: Node.js looks every 30 s by itself. */
export const REQUEST_TIMEOUT_INTERVAL = 500;
/**
 * Without a byte in either direction, as from a client that does not read its answer: what is being written
 * is given the same again. More than the database is ever waited for.
 */
export const SILENCE_TIMEOUT = 6_000;
/** After which a start listens without its database. */
export const HEAD_START = 2_000;
/** A probe's wait for the database. */
export const PROBE_TIMEOUT = 1_000;
/** For a connection to be idle once the end has begun. */
export const FINAL_IDLE_TIMEOUT = 1_000;
/** For requests under way to end when the server stops. */
export const DRAIN_TIMEOUT = 10_000;
/** For statements under way to end then: those of requests do, a migration is rolled back. */
export const DATABASE_DRAIN_TIMEOUT = 3_000;

/** @returns the work's result; it goes on when its time is over, but nobody hears of it */
export function within<T>(milliseconds: number, work: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timeout = setTimeout(() => reject(late()), milliseconds);
    const end = () => clearTimeout(timeout);
    work.then(resolve, reject).then(end);
  });
}
