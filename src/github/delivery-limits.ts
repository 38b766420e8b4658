import type { FastifyInstance } from 'fastify';
import { CodedError } from '../errors.js';
import { DELIVERY_TIMEOUT, within } from '../timeouts.js';

/** Deliveries that are applied at once, as many as there are connections for it: more would wait there. */
const UNDER_WAY = 4;
/** Deliveries, and bytes of their bodies, that are received or wait. */
const WAITING = { count: 1_000, bytes: 64 * 1024 * 1024 };

declare module 'fastify' {
  interface FastifyRequest {
    /** Of a delivery: received until now. `null`: it is answered, or was refused. */
    heldBytes: number | null;
  }
}

export interface DeliveryLimits {
  /** @throws {CodedError} too many bytes are held */
  hold(request: { heldBytes: number | null }, bytes: number): void;
  /** Runs `work` when its turn comes. @throws {CodedError} it has taken too long */
  run<Result>(work: () => Promise<Result>): Promise<Result>;
}

/** The route's own bounds: no other limit of the server applies to deliveries, whose refusal would lose events. */
export function limitDeliveries(routes: FastifyInstance): DeliveryLimits {
  const held = { count: 0, bytes: 0 };
  const queue: (() => void)[] = [];
  let underWay = 0;
  const refusal = () => new CodedError('SERVICE_UNAVAILABLE');

  routes.decorateRequest('heldBytes', null);
  routes.addHook('onRequest', (request, reply, done) => {
    reply.header('cache-control', 'no-store');
    if (held.count >= WAITING.count) return done(refusal());
    held.count++;
    request.heldBytes = 0;
    done();
  });
  // Not at the end of the response, which Node.js does not report of pipelined requests whose client has left.
  routes.addHook('onSend', (request, _reply, _payload, done) => {
    if (request.heldBytes !== null) {
      held.count--;
      held.bytes -= request.heldBytes;
      request.heldBytes = null;
    }
    done();
  });

  async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (underWay < UNDER_WAY) underWay++;
    else await new Promise<void>((resolve) => queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next) next();
      else underWay--;
    }
  }

  return {
    hold(request, bytes) {
      if (held.bytes + bytes > WAITING.bytes) throw refusal();
      request.heldBytes = (request.heldBytes ?? 0) + bytes;
      held.bytes += bytes;
    },
    run(work) {
      const deadline = performance.now() + DELIVERY_TIMEOUT;
      const inTime = () => (performance.now() < deadline ? work() : Promise.reject(refusal()));
      return within(DELIVERY_TIMEOUT, inTurn(inTime), refusal);
    },
  };
}
