import type { FastifyInstance, FastifyReply } from 'fastify';
import { CodedError, RETRY_AFTER } from '../errors.js';
import { REFUSAL_DELAY } from '../timeouts.js';

/**
 * Requests under way at a time: many times of what keeps everything busy, as each read shares its statement
 * with all others of the moment. More would only be slower, each of them.
 */
const MAX_UNDER_WAY = 500;

/** One for all: making it would cost more than the rest of a refusal. */
const REFUSAL = new CodedError('SERVICE_UNAVAILABLE');

declare module 'fastify' {
  interface FastifyRequest {
    isUnderWay: boolean;
  }
}

/**
 * Refuses with 503 what is too much, before a seal is opened for it, or a body read if it can be. Not at
 * once: a refusal costs nearly as much as an answer, and those who come again at once would leave no time
 * for answers.
 *
 * A request is under way from when its body is there until its answer is made, so that no client can hold
 * it there: one may take its time over a body or over reading an answer, and where a client leaves, Node.js
 * never closes the answers to what it had pipelined.
 */
export function shedLoad(api: FastifyInstance): void {
  let underWay = 0;
  api.decorateRequest('isUnderWay', false);

  const refuse = (reply: FastifyReply, done: (error: Error) => void) => {
    reply.header('retry-after', RETRY_AFTER);
    setTimeout(done, REFUSAL_DELAY, REFUSAL);
  };
  api.addHook('onRequest', (_request, reply, done) => {
    if (underWay === MAX_UNDER_WAY) return refuse(reply, done);
    done();
  });
  // Once more: bodies that were waited for may have come meanwhile.
  api.addHook('preValidation', (request, reply, done) => {
    if (underWay === MAX_UNDER_WAY) return refuse(reply, done);
    underWay++;
    request.isUnderWay = true;
    done();
  });
  api.addHook('onSend', (request, _reply, _payload, done) => {
    if (request.isUnderWay) underWay--;
    request.isUnderWay = false;
    done();
  });
}
