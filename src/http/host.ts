import type { FastifyInstance } from 'fastify';

/** A host with an optional port (RFC 9110 §7.2, RFC 3986 §3.2.2). */
const HOST = /^(\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(:\d{0,5})?$/i;

class InvalidHostError extends Error {
  readonly statusCode = 400;
}

/** Answers 400 (RFC 9112 §3.2). A missing Host is refused by Node.js, except in HTTP/1.0. */
export function refuseBrokenHosts(app: FastifyInstance): void {
  app.addHook('onRequest', ({ headers: { host } }, _reply, done) => {
    if (host === undefined || HOST.test(host)) return done();
    done(new InvalidHostError('The Host header must be one name or address'));
  });
}
