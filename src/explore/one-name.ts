import type { FastifyInstance } from 'fastify';
import { cameToLoopback, isLoopback, nameOf } from '../http/loopback.js';
import { sealedSession } from '../session/session-cookie.js';

/**
 * Sends a browser that opens a page by another name of this machine to the one name that is printed, as cookies belong
 * to one of them. It stays where it has a session, and where its port is a forwarded one.
 *
 * @param host where the server listens
 */
export function keepToOneName(app: FastifyInstance, host: string): void {
  const name = nameOf(host);
  if (!isLoopback(name)) return;
  app.addHook('onRequest', (request, reply, done) => {
    const { method, url, headers, socket } = request;
    if (method !== 'GET' || !headers.accept?.startsWith('text/html')) return done();
    // A whole URL (RFC 9112 §3.2.2) cannot follow the name.
    if (!url.startsWith('/')) return done();
    const one = `${name}:${socket.localPort}`;
    const isElsewhere = headers.host !== one && headers.host?.endsWith(`:${socket.localPort}`);
    if (!isElsewhere || !cameToLoopback(request) || sealedSession(headers) !== null) return done();
    reply.redirect(`http://${one}${url}`);
  });
}
