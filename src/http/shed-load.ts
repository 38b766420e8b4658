import type { FastifyInstance, FastifyReply } from 'fastify';
import { CodedError, RETRY_AFTER } from '../errors.js';
import { REFUSAL_DELAY } from '../timeouts.js';

/** Far more than saturates the server, as concurrent reads share statements. */
const MAX_IN_FLIGHT = 500;

/** A shared instance: creating an error costs more than the rest of a refusal. */
const REFUSAL = new CodedError('SERVICE_UNAVAILABLE');

declare module 'fastify' {
  interface FastifyRequest {
    isInFlight: boolean;
  }
}

/** Refuses excess requests with 503, before their seal is opened, or as it waited for too long. */
export function shedLoad(api: FastifyInstance): void {
  let inFlight = 0;
  api.decorateRequest('isInFlight', false);

  // Delayed, as it costs nearly as much as a response: clients that retry at once would leave no time for responses.
  const refuse = (reply: FastifyReply, done: (error: Error) => void) => {
    reply.header('retry-after', RETRY_AFTER);
    setTimeout(done, REFUSAL_DELAY, REFUSAL);
  };
  api.addHook('onRequest', (_request, reply, done) => {
    if (inFlight === MAX_IN_FLIGHT) return refuse(reply, done);
    done();
  });
  // Checked again, as other bodies may have arrived. In flight from here until the response is serialized, so that a
  // slow client holds no place, nor do pipelined requests of one that left, whose responses Node.js never closes.
  api.addHook('preValidation', (request, reply, done) => {
    const isUnchecked = request.context.rejection === 'unchecked';
    if (inFlight === MAX_IN_FLIGHT || isUnchecked) return refuse(reply, done);
    inFlight++;
    request.isInFlight = true;
    done();
  });
  api.addHook('onSend', (request, _reply, _payload, done) => {
    if (request.isInFlight) inFlight--;
    request.isInFlight = false;
    done();
  });
}
