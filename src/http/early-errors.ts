import { type IncomingHttpHeaders, maxHeaderSize, STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CodedError, errorBody } from '../errors.js';
import { SESSION_HEADERS } from '../session/session-cookie.js';
import { DATA_POLICY } from './browser-policy.js';
import { originHeaders } from './cors.js';
import { errorAnswer, isGraphQLTarget } from './error-answer.js';
import { UNSTORED } from './errors.js';
import { afterAnswers, inTurn, type ServerSocket } from './pipelining.js';
import { idOf, logRefusal } from './request-log.js';

/** What was wrong with a request that Node.js could not read. */
const REFUSALS: Record<number, string> = {
  400: 'Send valid HTTP/1.1',
  405: 'This server is no proxy',
  408: 'Send the whole request sooner',
  414: 'Send a shorter URL',
  431: 'Send fewer or shorter headers, 16 KiB at most',
};

const HEAD_END = '\r\n\r\n';

type ClientError = Error & { code?: string; rawPacket?: unknown; bytesParsed?: number };

/** A request, as far as it has arrived. */
interface Head {
  url?: string | undefined;
  headers: IncomingHttpHeaders;
}

/** The answers to requests that reach no hook. @param origins whose pages may read them */
export function earlyErrorHandlers(origins: readonly string[]) {
  return {
    /** A path that cannot be decoded is answered as an unknown user id. */
    frameworkErrors(_error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
      const { status, message } = new CodedError('NOT_FOUND');
      reply.code(status).headers(earlyHeaders(request.id, origins, request.headers.origin));
      inTurn(reply.raw, () => reply.send(errorBody(status, message)));
    },
    /** Answers a request that Node.js could not read. */
    clientErrorHandler(this: FastifyInstance, error: ClientError, socket: ServerSocket): void {
      const isAnswered = !socket._httpMessage && socket.parser?.incoming?.complete === false;
      if (!socket.writable || error.code === 'ECONNRESET' || isAnswered)
        return void socket.destroy();
      afterAnswers(socket, (response) => {
        if (!socket.writable || response?.headersSent) return void socket.destroy();
        const arrived = arrivedOf(error);
        const head: Head = response?.req ?? headOf(arrived);
        const status = statusOf(error, arrived);
        const id = idOf(head);
        // A client that left while it sent the body is logged as such.
        if (error.code !== 'HPE_INVALID_EOF_STATE' || !response)
          logRefusal(this.log, response, status, id);
        const answer = rawAnswer(status, head, earlyHeaders(id, origins, head.headers.origin));
        socket.end(answer, () => socket.destroy());
      });
    },
  };
}

/** The bytes of an answer to CONNECT, which Node.js hands to no handler of requests. */
export function refuseConnect(id: string, allow: string): string {
  return rawAnswer(405, { headers: {} }, { ...earlyHeaders(id), allow });
}

function earlyHeaders(
  id: string,
  origins: readonly string[] = [],
  origin?: string,
): Record<string, string> {
  return {
    ...DATA_POLICY,
    'x-request-id': id,
    'cache-control': UNSTORED,
    vary: origins.length > 0 ? `Origin, ${SESSION_HEADERS}` : SESSION_HEADERS,
    ...originHeaders(origins, origin),
  };
}

function rawAnswer(
  status: number,
  { url = '', headers: { accept } }: Head,
  headers: Record<string, string>,
): string {
  const asked = { isGraphQL: isGraphQLTarget(url), accept };
  const { type, body } = errorAnswer(asked, { status, message: REFUSALS[status] ?? '' });
  const lines = Object.entries({
    ...headers,
    'content-type': type,
    connection: 'close',
    'content-length': Buffer.byteLength(body),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}

/** The bytes from the start of the request that could not be read: others may be before it. */
function arrivedOf({ rawPacket, bytesParsed = 0 }: ClientError): string {
  if (!Buffer.isBuffer(rawPacket)) return '';
  const text = rawPacket.toString('latin1');
  const before = text.lastIndexOf(HEAD_END, bytesParsed - HEAD_END.length);
  return before === -1 ? text : text.slice(before + HEAD_END.length);
}

function headOf(arrived: string): Head {
  const [, url] = /^[A-Z]+ (\S+)/.exec(arrived) ?? [];
  const headerOf = (name: string) => new RegExp(`^${name}:(.*)$`, 'im').exec(arrived)?.[1]?.trim();
  const names = ['accept', 'origin', 'x-request-id'];
  return { url, headers: Object.fromEntries(names.map((name) => [name, headerOf(name)])) };
}

function statusOf({ code }: ClientError, arrived: string): number {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408;
  if (code !== 'HPE_HEADER_OVERFLOW') return 400;
  if (!/^[A-Z]+ \//.test(arrived)) return 431;
  // A request line beyond the limit means a URL too long, not headers too large.
  const end = arrived.indexOf('\r\n');
  return end === -1 || end > maxHeaderSize ? 414 : 431;
}
