import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Properties that Node.js's own handlers read too: the response in progress, and the request that is parsed. */
export type ServerSocket = Socket & {
  _httpMessage?: ServerResponse | null;
  parser?: { incoming: IncomingMessage | null } | null;
};

/** Requests of one connection that wait for the answers before them: no client sends as many. */
const MAX_HELD = 100;

interface Queue {
  held: number;
  last: ServerResponse;
}

const queues = new WeakMap<Socket, Queue>();

/** Handles the requests of a connection one after another, whatever their route. */
export function keepInTurn(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => inTurn(reply.raw, done));
}

/**
 * Handles a request when those before it are answered. Where more are held than may be, the connection is closed after
 * the last of these, and further requests are not handled (RFC 9112 §9.6).
 */
export function inTurn(response: ServerResponse, handle: () => void): void {
  // Node.js hands over pipelined requests at once, with a response that has no socket before its turn.
  if (response.socket !== null) return void handle();
  const { socket } = response.req;
  const queue = queues.get(socket) ?? { held: 0, last: response };
  queues.set(socket, queue);
  if (queue.held === MAX_HELD) {
    announceClose(queue.last);
    return void discardInput(socket);
  }
  queue.held++;
  queue.last = response;
  response.once('socket', () => {
    queue.held--;
    handle();
  });
}

/**
 * Calls back when all requests that have arrived are answered, with the response to the one of which a part is missing.
 * An answer that is written earlier would be taken for that of another request.
 */
export function afterAnswers(
  socket: ServerSocket,
  done: (response: ServerResponse | null | undefined) => void,
): void {
  const { _httpMessage: response } = socket;
  if (!response?.req.complete) return void done(response);
  discardInput(socket);
  response.once('close', () => afterAnswers(socket, done));
}

export function announceClose(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close');
}

/** Bytes that are not read would reset the connection at its end, and answers that are under way with it. */
function discardInput(socket: Socket): void {
  socket.removeAllListeners('data').on('data', () => {});
}
