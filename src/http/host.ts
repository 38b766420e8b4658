import type { FastifyInstance } from 'fastify';

/** A name or an address, and perhaps a port (RFC 9110 §7.2, RFC 3986 §3.2.2). */
const HOST = /^(\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(:\d{0,5})?$/i;

class BrokenHostError extends Error {
  readonly statusCode = 400;
}

/** With 400 (RFC 9112 §3.2). Node.js itself refuses a request without any, as HTTP/1.0 does not. */
export function refuseBrokenHosts(app: FastifyInstance): void {
  app.addHook('onRequest', ({ headers: { host } }, _reply, done) => {
    if (host === undefined || HOST.test(host)) return done();
    done(new BrokenHostError('The Host header must be one name or address'));
  });
}
