import type { FastifyReply } from 'fastify';
import { hashOf } from '../hash.js';
import { sendable } from '../json.js';

/** RFC 9110 §8: what is sent, and its strong validator. */
export interface Representation {
  etag: string;
  content: string | Buffer;
}

export function representationOf(json: string): Representation {
  const content = sendable(json);
  // Bytes are hashed in a third of the time that a long text takes.
  return { etag: `"${hashOf(content)}"`, content };
}

/** Sends JSON, or 304 where the client has the same. The browser may store it, but revalidates it each time. */
export function sendRevalidated(
  reply: FastifyReply,
  ifNoneMatch: string | undefined,
  { etag, content }: Representation,
): FastifyReply | string | Buffer {
  reply.header('etag', etag).header('cache-control', 'private, no-cache');
  if (matches(ifNoneMatch, etag)) return reply.code(304).send();
  reply.header('content-type', 'application/json; charset=utf-8');
  return content;
}

/** The end of an entity tag, with what a proxy that compresses adds to it: for example Apache, Caddy and Jetty. */
const END = /^(?:[-;:]{1,2}(?:x-)?(?:gzip|gz|br|zstd|deflate|compress|identity))*"$/;

/** RFC 9110 §13.1.2: a list of entity tags or `*`, compared weakly. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  const start = etag.slice(0, -1);
  return ifNoneMatch.split(',').some((text) => {
    const tag = text.trim().replace(/^W\//, '');
    return tag.startsWith(start) && END.test(tag.slice(start.length));
  });
}
