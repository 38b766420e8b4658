import { connect } from 'node:net';
import pg from 'pg';
import { CANCEL_TIMEOUT } from '../timeouts.js';

/** PostgreSQL's protocol, CancelRequest: its length, and the code in place of a protocol version. */
const CANCEL_REQUEST = [16, 80_877_102];

/** What `pg` keeps of the server's BackendKeyData. */
type Keys = { processID: number | null; secretKey: number | null };

/**
 * A client that does not leave its statement behind. Of a connection that is just dropped in the middle
 * of a statement PostgreSQL learns only at its end: while a table is locked, each time-out would leave one
 * more backend waiting, until there are no connections left for anybody.
 */
export class CancellingClient extends pg.Client {
  /** Whether its statement is given up while it is under way. */
  abandoned = false;

  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | void {
    const end = () => (callback ? super.end(callback) : super.end());
    // Before the connection is dropped: PgBouncer knows no key of a client that is gone.
    return this.abandoned ? this.#cancel().then(end) : end();
  }

  /** Settles when the server has read it, or cannot be reached in time. */
  #cancel(): Promise<void> {
    const { processID, secretKey } = this as unknown as Keys;
    const { host, port } = this;
    const path = `${host}/.s.PGSQL.${port}`;
    const socket = connect(host.startsWith('/') ? { path } : { host, port });
    const request = Int32Array.of(...CANCEL_REQUEST, processID ?? 0, secretKey ?? 0);
    // The server ends it: PgBouncer forgets the request of one who has left.
    socket.write(Buffer.from(request.buffer).swap32());
    const timeout = setTimeout(() => socket.destroy(), CANCEL_TIMEOUT);
    return new Promise((resolve) => {
      socket.on('error', () => {}).resume();
      socket.on('close', () => {
        clearTimeout(timeout);
        resolve();
      });
    });
  }
}
