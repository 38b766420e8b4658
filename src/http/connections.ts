import { type AddressInfo, Server } from 'node:net';
import { setTimeout as sleep, setImmediate as tick } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { DRAIN_TIMEOUT, FINAL_IDLE_TIMEOUT } from '../timeouts.js';
import { type Endpoint, listenOnAll } from './listen.js';
import { urlOf } from './loopback.js';
import { announceClose, type ServerSocket } from './pipelining.js';

/** Milliseconds between two looks at the idle connections. */
const POLL_INTERVAL = 20;
/** Milliseconds without a new connection before the port is closed, and the longest wait for them. */
const QUIET_TIME = 50;
const HOLD_TIMEOUT = 500;

/**
 * The connections of a server, and their end. HTTP/1.1 cannot tell a client that an idle connection will be closed: the
 * answer to its next request can, so the port stays open and idle connections get time for that request
 * (RFC 9112 §9.6).
 */
export class Connections {
  readonly #app: FastifyInstance;
  readonly #shutdownDelay: number;
  readonly #open = new Set<ServerSocket>();
  #opened = 0;
  #listeners: Server[] = [];
  #idleTimeout = 0;

  /** @param shutdownDelay milliseconds between `close` and the end of the port */
  constructor(app: FastifyInstance, shutdownDelay: number) {
    this.#app = app;
    this.#shutdownDelay = shutdownDelay;
    app.server.on('connection', (socket) => {
      this.#opened++;
      this.#open.add(socket.once('close', () => this.#open.delete(socket)));
    });
    app.addHook('preClose', () => this.#drain());
  }

  /** @param name of the server, for the log */
  async listen(endpoint: Endpoint, name: string): Promise<void> {
    const app = this.#app;
    const textOf = (url: string) => `${name}: Server listening at ${url}`;
    this.#listeners = await listenOnAll(app.server, endpoint, (first) =>
      app.listen({ ...first, listenTextResolver: textOf }),
    );
    for (const further of this.#listeners.slice(1))
      app.log.info(textOf(urlOf(further, (further.address() as AddressInfo).address)));
  }

  /**
   * Closes the application when its requests are answered.
   * @param idleTimeout milliseconds that idle connections are kept for a request, whose answer closes them
   */
  async close(idleTimeout: number): Promise<void> {
    this.#idleTimeout = idleTimeout;
    const timeout = setTimeout(
      () => this.#app.server.closeAllConnections(),
      this.#shutdownDelay + DRAIN_TIMEOUT,
    );
    await this.#app.close();
    clearTimeout(timeout);
  }

  async #drain(): Promise<void> {
    const { server } = this.#app;
    const known = [...this.#open];
    const idleDeadline = performance.now() + Math.max(this.#shutdownDelay, this.#idleTimeout);
    server.keepAliveTimeout = FINAL_IDLE_TIMEOUT;
    server.prependListener('request', (_request, response) => announceClose(response));
    for (const { _httpMessage } of known) if (_httpMessage) announceClose(_httpMessage);

    await sleep(this.#shutdownDelay);
    while (known.some(isIdle) && performance.now() < idleDeadline) await sleep(POLL_INTERVAL);
    const answerHeld = this.#holdRequests();
    await this.#quiet();
    // Not `http.Server`'s method, which also cuts answers that are still being sent.
    const closed = this.#listeners.map(
      (listener) => new Promise((resolve) => Server.prototype.close.call(listener, resolve)),
    );
    closeIdle(known);
    answerHeld();
    // A connection opened since the signal may be about to bring a request.
    const timer = setTimeout(() => closeIdle(this.#open), FINAL_IDLE_TIMEOUT);
    await Promise.all(closed);
    clearTimeout(timer);
  }

  /**
   * The end of the port resets the connections that wait to be accepted. Clients that have been answered come back at
   * once, so requests wait until the port is closed.
   */
  #holdRequests(): () => void {
    const { server } = this.#app;
    const listeners = server.listeners('request');
    const held: unknown[][] = [];
    server.removeAllListeners('request').on('request', (...request) => held.push(request));
    return () => {
      server.removeAllListeners('request');
      for (const listener of listeners) server.on('request', listener as () => void);
      for (const request of held) server.emit('request', ...request);
    };
  }

  /** Resolves when no connection has come for a while, or after a timeout; always when none waits to be accepted. */
  async #quiet(): Promise<void> {
    const deadline = performance.now() + HOLD_TIMEOUT;
    for (let before = -1; before !== this.#opened && performance.now() < deadline; ) {
      before = this.#opened;
      await sleep(QUIET_TIME);
      // Timers run before the event loop accepts a connection, and `setImmediate` after.
      await tick();
    }
  }
}

/** Also before its first request, or while the head of a request arrives. */
function isIdle({ destroyed, _httpMessage }: ServerSocket): boolean {
  return !destroyed && !_httpMessage;
}

function closeIdle(sockets: Iterable<ServerSocket>): void {
  for (const socket of sockets) if (isIdle(socket)) socket.destroy();
}
