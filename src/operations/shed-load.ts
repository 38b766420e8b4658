import type { FastifyInstance } from 'fastify';
import { CodedError, RETRY_AFTER } from '../errors.js';

/**
 * Requests under way at a time. Many times of what it takes to keep everything busy, as each read shares
 * its statement with all others of the moment; more would only wait longer.
 */
const MAX_UNDER_WAY = 1_000;

/**
 * Milliseconds. A refusal costs this server nearly as much as an answer: were it given at once, those who
 * come again at once would leave no time for answers.
 */
const REFUSAL_DELAY = 500;

/** Refuses with 503 what is too much, before a seal is opened or a body read for it. */
export function shedLoad(api: FastifyInstance): void {
  let underWay = 0;
  const ended = () => {
    underWay--;
  };
  api.addHook('onRequest', (_request, reply, done) => {
    if (underWay === MAX_UNDER_WAY) {
      reply.header('retry-after', RETRY_AFTER);
      setTimeout(done, REFUSAL_DELAY, new CodedError('SERVICE_UNAVAILABLE'));
      return;
    }
    underWay++;
    // Not `onResponse`, which a request whose client has left never sees.
    reply.raw.on('close', ended);
    done();
  });
}
