/**
 * Every time-out of the process, in milliseconds. They agree so that who asks first gives up last:
 *
 * - A read waits for its turn, then for a connection, then for its statement: 2,900 together, whatever
 *   hangs, so that no caller waits for three seconds. A read that is repeated shares the same time.
 * - A statement that is given up is cancelled on the server as well, in the background.
 * - A request, and the drain at the end, outlast every read.
 */

/** Before a request too many is refused: see docs/decisions/0009-faults.md. */
export const REFUSAL_DELAY = 750;
/** A read's wait while all statements that may be under way hang. */
export const TURN_TIMEOUT = 500;
/** For a connection from the pool, and for a new one to be opened: the pool knows one time for both. */
export const CONNECTION_TIMEOUT = 1_000;
/**
 * A statement of the read path, by the client's own clock: a server behind a dead network keeps no time,
 * and PgBouncer refuses `statement_timeout` at the start of a connection. Migrations take as long as
 * they take.
 */
export const STATEMENT_TIMEOUT = 1_400;
/** To deliver the cancellation of a statement that was given up. */
export const CANCEL_TIMEOUT = 1_000;
/** A statement shared by several reads that takes longer is not waited for: each gets one of its own. */
export const SHARED_STATEMENT_PATIENCE = 700;
/** For a client to send its request. */
export const REQUEST_TIMEOUT = 15_000;
/** For requests under way to end when the server stops. */
export const DRAIN_TIMEOUT = 10_000;
