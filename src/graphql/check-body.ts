import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from '../http/errors.js';

const IDENTITY = /^(?:identity|[\s,])*$/i;
const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)/i;

/** Refuses a body that the parser would misread, before it is sent. */
export function checkBody(
  { headers }: FastifyRequest,
  _reply: FastifyReply,
  done: (error?: Error) => void,
): void {
  mergeTypes(headers);
  done(refusalOf(headers));
}

/** A type that is given twice is one: Node.js joins the values of headers that a neighbour repeats. */
function mergeTypes(headers: IncomingHttpHeaders): void {
  const type = headers['content-type'];
  if (!type?.includes(',')) return;
  const types = new Set(type.split(',').map((one) => one.trim().toLowerCase()));
  if (types.size === 1) [headers['content-type']] = types;
}

function refusalOf(headers: IncomingHttpHeaders): HttpError | undefined {
  const coding = headers['content-encoding'];
  if (coding !== undefined && !IDENTITY.test(coding)) {
    const identity = { 'accept-encoding': 'identity' };
    return new HttpError(415, 'Send the body without Content-Encoding', identity);
  }
  const [, charset = 'utf-8'] = CHARSET.exec(headers['content-type'] ?? '') ?? [];
  return /^utf-?8$/i.test(charset) ? undefined : new HttpError(415, 'Send the body in UTF-8');
}
