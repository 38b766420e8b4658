import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { refuseConnect } from './early-errors.js';
import { HttpError } from './errors.js';
import { afterAnswers, type ServerSocket } from './pipelining.js';
import { idOf, logRefusal } from './request-log.js';

/** RFC 9110 §7.2: a host of RFC 3986 §3.2.2, which may be empty or have a zone (RFC 6874), and an optional port. */
const HOST =
  /^(?:\[(?:[\da-f:.]+(?:%[\w.~%-]+)?|v[\da-f]+\.[\w.~!$&'()*+,;=:-]+)\]|[\w.~!$&'()*+,;=-]*(?:%[\da-f]{2}[\w.~!$&'()*+,;=-]*)*)(?::\d*)?$/i;
/** As Node.js recognizes it, before it answers 100. */
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;

const ALLOW = 'GET, HEAD, OPTIONS, POST';

/** Refuses what Node.js would refuse by itself, without the documented body and headers. */
export function checkProtocol(app: FastifyInstance): void {
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    app.server.emit('request', request, response),
  );
  app.server.on('connect', (request: IncomingMessage, socket: ServerSocket) => {
    // Node.js has removed its own listeners: an error would end the process, and nothing would close the socket.
    const close = () => socket.destroy();
    socket.on('error', close).on('timeout', close);
    afterAnswers(socket, () => {
      if (!socket.writable) return;
      const id = idOf(request);
      logRefusal(app.log, null, 405, id);
      socket.end(refuseConnect(id, ALLOW), close);
    });
  });
  app.addHook('onRequest', ({ headers: { host, expect }, raw }, reply, done) => {
    // RFC 9112 §3.2.
    if (host === undefined ? raw.httpVersion !== '1.0' : !HOST.test(host))
      return done(new HttpError(400, 'Send one Host header with one name or address'));
    if (expect !== undefined && !CONTINUE.test(expect))
      return done(new HttpError(417, 'Expect may be 100-continue only'));
    // Of the whole server: RFC 9110 §9.3.7.
    if (raw.url === '*' && raw.method === 'OPTIONS')
      return reply.code(204).header('allow', ALLOW).send();
    done();
  });
}
