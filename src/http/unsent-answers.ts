import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ANSWER_TIMEOUT, ANSWER_TIMEOUT_INTERVAL } from '../timeouts.js';

/** Bytes of all large answers that are not sent yet. */
const MAX_UNSENT = 32 * 1024 * 1024;
/** Bytes. Smaller answers fit in the buffers of the operating system. */
const LARGE = 4 * 1024;

interface UnsentAnswer {
  socket: Socket;
  bytes: number;
  /** Milliseconds, by `performance.now()`. */
  since: number;
}

/**
 * Bounds the memory of answers that clients do not take. A connection has one answer at a time (`pipelining.ts`); one
 * that takes a large answer too slowly is closed: after a timeout, or the slowest first when memory is short.
 */
export function limitUnsentAnswers(app: FastifyInstance): void {
  /** The oldest first. */
  const unsent = new Set<UnsentAnswer>();
  let bytes = 0;
  const forget = (answer: UnsentAnswer) => {
    if (unsent.delete(answer)) bytes -= answer.bytes;
  };
  const disconnect = (answer: UnsentAnswer) => {
    forget(answer);
    // A reset, which frees what the operating system holds for the client as well.
    answer.socket.resetAndDestroy();
  };

  app.addHook<string | Buffer | null>('onSend', (request, reply, payload, done) => {
    const size = payload?.length ?? 0;
    if (size > LARGE && !reply.raw.closed) {
      const answer = { socket: request.raw.socket, bytes: size, since: performance.now() };
      unsent.add(answer);
      bytes += size;
      reply.raw.once('close', () => forget(answer));
      for (const oldest of unsent) {
        if (bytes <= MAX_UNSENT || oldest === answer) break;
        disconnect(oldest);
      }
    }
    done();
  });

  const check = setInterval(() => {
    const due = performance.now() - ANSWER_TIMEOUT;
    for (const answer of unsent) {
      if (answer.since > due) break;
      disconnect(answer);
    }
  }, ANSWER_TIMEOUT_INTERVAL).unref();
  app.addHook('onClose', async () => clearInterval(check));
}
