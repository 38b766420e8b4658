import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpError, nameMethods } from '../http/errors.js';
import { type DeliveryOutcome, deliveries as endedDeliveries } from '../observability/events.js';
import { KNOWN_EVENTS } from './apply-event.js';
import { Deliveries, type DeliveriesOptions, type ReceivedDelivery } from './deliveries.js';
import { limitDeliveries } from './delivery-limits.js';
import { idOf, objectOf } from './from-github.js';
import { RefusedSignatures } from './refused-signatures.js';
import { isSignature, isSigned } from './signature.js';
import { acceptBodies, bodyOf, payloadOf } from './webhook-body.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of a delivery; `null`: none yet, or an error. */
    outcome: DeliveryOutcome | null;
  }
}

export interface WebhookOptions extends DeliveriesOptions {
  /** One of them has signed what is accepted. */
  secrets: readonly string[];
}

const PATH = '/api/github/webhooks';

/** https://docs.github.com/en/webhooks */
export function webhookRoutes(routes: FastifyInstance, options: WebhookOptions): void {
  const { secrets, log } = options;
  const deliveries = new Deliveries(options);
  const limits = limitDeliveries(routes);
  const refused = new RefusedSignatures(log);
  acceptBodies(routes, limits);

  const unsigned = () => {
    refused.report();
    const headers = { 'www-authenticate': 'Hub-Signature-256 realm="webhooks"' };
    return new HttpError(401, 'Sign the body with the webhook’s secret, by SHA-256', headers);
  };

  // Before the body is read, which strangers may send by the megabyte.
  routes.addHook('onRequest', ({ method, headers }, _reply, done) =>
    method === 'POST' && !isSignature(headers['x-hub-signature-256']) ? done(unsigned()) : done(),
  );

  /** @throws {HttpError} */
  const receive = (request: FastifyRequest): ReceivedDelivery => {
    if (!isSigned(bodyOf(request), request.headers['x-hub-signature-256'], secrets))
      throw unsigned();
    return {
      targetId: headerOf(request, 'X-GitHub-Hook-Installation-Target-ID'),
      event: headerOf(request, 'X-GitHub-Event'),
      guid: headerOf(request, 'X-GitHub-Delivery'),
      payload: payloadOf(request),
    };
  };

  routes.decorateRequest('outcome', null);
  routes.addHook('onSend', (request, reply, _payload, done) => {
    const { outcome: ended, method } = request;
    const outcome = ended ?? (reply.statusCode >= 500 ? 'failed' : 'refused');
    const name = String(request.headers['x-github-event']);
    const event = KNOWN_EVENTS.has(name) ? name : null;
    if (method === 'POST') {
      request.log.debug({ event, outcome }, 'webhook delivery');
      endedDeliveries.publish({ event, outcome, milliseconds: reply.elapsedTime });
    }
    done();
  });

  routes.post(PATH, async (request) => {
    const received = receive(request);
    // One at a time of an installation: those that wait for the lock of its row would use up the connections.
    const key = idOf(objectOf(received.payload.installation)?.id) ?? received.guid;
    request.outcome = await limits.run(key, () => deliveries.apply(received));
    return { outcome: request.outcome };
  });
  nameMethods(routes, PATH, ['POST']);
}

/** @throws {HttpError} */
function headerOf({ headers }: FastifyRequest, name: string): string {
  const value = headers[name.toLowerCase()];
  if (typeof value === 'string' && /^[\w.:-]{1,100}$/.test(value)) return value;
  throw new HttpError(400, `Send ${name}, once`);
}
