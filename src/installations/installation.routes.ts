import { hash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { nameMethods } from '../http/errors.js';
import type { UserService } from '../users/access.js';
import { oneArray } from './installations-json.js';

const ROUTE = '/api/users/:userId/installations';
const METHODS = ['GET', 'HEAD', 'OPTIONS'];

/** The documented REST route: the same users, by the same rules, as GraphQL. */
export function installationRoutes(app: FastifyInstance, users: UserService): void {
  // Not Fastify's own HEAD, which says of a 304 that its content has no length (RFC 9110 §8.6).
  app.route<{ Params: { userId: string } }>({
    method: ['GET', 'HEAD'],
    url: ROUTE,
    exposeHeadRoute: false,
    async handler(request, reply) {
      const { installationsJson } = await users.find(request.context, request.params.userId);
      const body = join(installationsJson);
      const etag = `"${hash('sha1', body, 'base64')}"`;
      // The browser may keep it, but asks each time whether it still holds.
      reply.header('etag', etag).header('cache-control', 'private, no-cache');
      if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
      reply.header('content-type', 'application/json; charset=utf-8');
      return body;
    },
  });
  nameMethods(app, ROUTE, METHODS);
}

/** Of several arrays as bytes, and never as one text: see `SELECT_PIECES`. */
function join(arrays: readonly string[]): string | Buffer {
  if (arrays.length === 1) return arrays[0] as string;
  const pieces = oneArray(arrays);
  const lengths = pieces.map((piece) => Buffer.byteLength(piece));
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length));
  pieces.reduce((start, piece) => start + bytes.write(piece, start), 0);
  return bytes;
}

/** RFC 9110 §13.1.2: a list of entity tags or `*`, compared weakly. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
