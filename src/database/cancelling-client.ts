import { connect, type Socket } from 'node:net';
import pg from 'pg';
import { CANCEL_TIMEOUT } from '../timeouts.js';

/** https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-CANCELREQUEST */
const CANCEL_REQUEST = [16, 80_877_102];

/** Types of the messages with which a server may begin: Authentication…, ErrorResponse, NoticeResponse, NegotiateProtocolVersion. */
const FIRST_MESSAGES = 'RENv';

/** The server's BackendKeyData, as `pg` stores it. */
type Keys = { processID: number | null; secretKey: number | null };

/** The part of `pg`'s connection that reads; of TLS, it gets another stream. */
interface Connection {
  stream: Socket;
  attachListeners(stream: Socket): void;
}

export interface CancellingConfig extends pg.ClientConfig {
  /** Milliseconds without traffic, until the connection is closed: networks die without a word. 0: never. */
  silenceTimeout?: number;
}

/** Cancels a timed-out statement, which runs on without its client: a locked table would use up all connections. */
export class CancellingClient extends pg.Client {
  /** Whether its statement timed out and still runs. */
  abandoned = false;
  #ended: Promise<void> | undefined;

  /** Cancels its statement, and ends the connection. */
  abandon(): Promise<void> {
    if (this.#ended === undefined) {
      this.abandoned = true;
      this.#ended = this.end();
    }
    return this.#ended;
  }

  constructor(config: CancellingConfig = {}) {
    super(config);
    const { silenceTimeout = 0 } = config;
    const { connection } = this as unknown as { connection: Connection };
    const attachListeners = connection.attachListeners.bind(connection);
    connection.attachListeners = (stream) => {
      attachListeners(stream);
      destroyIfUnreadable(stream);
      stream.setTimeout(silenceTimeout, () => stream.destroy());
    };
  }

  /** Without a word to a server that does not answer. */
  destroy(): void {
    (this as unknown as { connection: Connection }).connection.stream.destroy();
  }

  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | void {
    const end = () => (callback ? super.end(callback) : super.end());
    if (!this.abandoned) return end();
    this.abandoned = false;
    // Before the connection ends: PgBouncer then forgets its key.
    return this.#cancel().then(end);
  }

  /** Settles when the server has read the request, or after CANCEL_TIMEOUT. */
  #cancel(): Promise<void> {
    const { processID, secretKey } = this as unknown as Keys;
    const { host, port } = this;
    const path = `${host}/.s.PGSQL.${port}`;
    const socket = connect(host.startsWith('/') ? { path } : { host, port });
    const request = Int32Array.of(...CANCEL_REQUEST, processID ?? 0, secretKey ?? 0);
    // The server closes the socket: PgBouncer drops the request of a client that closes first.
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

/** What `pg` cannot parse, as a way to authenticate that it does not know, would end the process, or hold it. */
function destroyIfUnreadable(stream: Socket): void {
  const [parse] = stream.listeners('data').slice(-1) as [(chunk: Buffer) => void];
  let isPostgres = false;
  stream.off('data', parse).on('data', (chunk: Buffer) => {
    isPostgres ||= FIRST_MESSAGES.includes(chunk.toString('latin1', 0, 1));
    if (!isPostgres) return stream.destroy(new Error('what answers is no PostgreSQL'));
    try {
      parse(chunk);
    } catch (error) {
      stream.destroy(error as Error);
    }
  });
}
