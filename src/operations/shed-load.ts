import type { FastifyInstance } from 'fastify';
import { CodedError, RETRY_AFTER } from '../errors.js';
import { REFUSAL_DELAY } from '../timeouts.js';

/**
 * Requests under way at a time: many times of what keeps everything busy, as each read shares its statement
 * with all others of the moment. More would only be slower, each of them.
 */
const MAX_UNDER_WAY = 500;

/** One for all: making it would cost more than the rest of a refusal. */
const REFUSAL = new CodedError('SERVICE_UNAVAILABLE');

/**
 * Refuses with 503 what is too much, before a seal is opened or a body read for it. Not at once: a refusal
 * costs nearly as much as an answer, and those who come again at once would leave no time for answers.
 */
export function shedLoad(api: FastifyInstance): void {
  let underWay = 0;
  const ended = () => {
    underWay--;
  };
  api.addHook('onRequest', (_request, reply, done) => {
    if (underWay === MAX_UNDER_WAY) {
      reply.header('retry-after', RETRY_AFTER);
      setTimeout(done, REFUSAL_DELAY, REFUSAL);
      return;
    }
    underWay++;
    // Not `onResponse`, which a request whose client has left never sees.
    reply.raw.on('close', ended);
    done();
  });
}
