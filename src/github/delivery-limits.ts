import type { FastifyInstance } from 'fastify';
import { CodedError } from '../errors.js';
import { DELIVERY_TIMEOUT, within } from '../timeouts.js';

/** Deliveries that are applied at once, as many as there are connections for it: more would wait there. */
const UNDER_WAY = 4;
/** Deliveries that are received or wait, and bytes of the large ones among them. */
const WAITING = { count: 1_000, bytes: 64 * 1024 * 1024 };
/** Bytes of a body that are not counted: most have fewer, so that senders of large ones do not keep them out. */
const SMALL = 64 * 1024;

declare module 'fastify' {
  interface FastifyRequest {
    /** Of a delivery: received until now. `null`: it is answered, or was refused. */
    heldBytes: number | null;
  }
}

export interface DeliveryLimits {
  /** @throws {CodedError} too many bytes are held */
  hold(request: { heldBytes: number | null }, bytes: number): void;
  /**
   * Runs `work` when its turn comes, and no other one of the same key meanwhile.
   *
   * @throws {CodedError} it has taken too long
   */
  run<Result>(key: string, work: () => Promise<Result>): Promise<Result>;
}

const countedOf = (bytes: number) => (bytes > SMALL ? bytes : 0);

/** The route's own bounds: no other limit of the server applies to deliveries, whose refusal would lose events. */
export function limitDeliveries(routes: FastifyInstance): DeliveryLimits {
  const held = { count: 0, bytes: 0 };
  const queue: { key: string; start: () => void }[] = [];
  const underWay = new Set<string>();
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
      held.bytes -= countedOf(request.heldBytes);
      request.heldBytes = null;
    }
    done();
  });

  async function inTurn<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    await new Promise<void>((start) => {
      queue.push({ key, start });
      startNext();
    });
    try {
      return await work();
    } finally {
      underWay.delete(key);
      startNext();
    }
  }

  /** The longest waiting one whose key is free. */
  function startNext(): void {
    if (underWay.size >= UNDER_WAY) return;
    const index = queue.findIndex(({ key }) => !underWay.has(key));
    if (index === -1) return;
    const [next] = queue.splice(index, 1) as [(typeof queue)[number]];
    underWay.add(next.key);
    next.start();
  }

  return {
    hold(request, bytes) {
      const before = request.heldBytes ?? 0;
      const counted = countedOf(before + bytes) - countedOf(before);
      if (held.bytes + counted > WAITING.bytes) throw refusal();
      request.heldBytes = before + bytes;
      held.bytes += counted;
    },
    run(key, work) {
      const deadline = performance.now() + DELIVERY_TIMEOUT;
      const inTime = () => (performance.now() < deadline ? work() : Promise.reject(refusal()));
      return within(DELIVERY_TIMEOUT, inTurn(key, inTime), refusal);
    },
  };
}
