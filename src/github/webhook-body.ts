import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpError } from '../http/errors.js';
import type { DeliveryLimits } from './delivery-limits.js';
import { type GithubJson, objectOf } from './from-github.js';

/** Bytes: GitHub sends no more. */
const BODY_LIMIT = 25 * 1024 * 1024;
const FORM = 'application/x-www-form-urlencoded';
const MEDIA_TYPES = ['application/json', FORM];
const NO_BODY = Buffer.alloc(0);

/** Bodies stay bytes until their signature is checked: a decoder takes distinct bytes for the same text. */
export function acceptBodies(routes: FastifyInstance, limits: DeliveryLimits): void {
  routes.removeAllContentTypeParsers();
  routes.addContentTypeParser('*', async (request: FastifyRequest) => {
    if (!MEDIA_TYPES.includes(mediaTypeOf(request)))
      throw new HttpError(415, `Send the body as ${MEDIA_TYPES.join(' or ')}`, {
        accept: MEDIA_TYPES.join(', '),
      });
    return readBody(request, limits);
  });
}

export function bodyOf({ body }: FastifyRequest): Buffer {
  return (body as Buffer | undefined) ?? NO_BODY;
}

/** @throws {HttpError} it holds no JSON object */
export function payloadOf(request: FastifyRequest): GithubJson {
  const text = bodyOf(request).toString();
  const isForm = mediaTypeOf(request) === FORM;
  try {
    const json = isForm ? (new URLSearchParams(text).get('payload') ?? '') : text;
    const payload = objectOf(JSON.parse(json));
    if (payload) return payload;
  } catch {}
  throw new HttpError(400, 'Send a JSON object');
}

/** All of it, as it was signed. */
async function readBody(request: FastifyRequest, limits: DeliveryLimits): Promise<Buffer> {
  const { raw } = request;
  const tooLarge = new HttpError(413, 'Send 25 MiB at most');
  if (Number(request.headers['content-length']) > BODY_LIMIT) throw tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Destroyed, it could not be answered.
    for await (const chunk of raw.iterator({ destroyOnReturn: false })) {
      size += chunk.length;
      if (size > BODY_LIMIT) throw tooLarge;
      limits.hold(request, chunk.length);
      chunks.push(chunk);
    }
  } catch (error) {
    throw raw.errored ? new HttpError(400, 'Send the whole body') : error;
  }
  return Buffer.concat(chunks);
}

function mediaTypeOf({ headers }: FastifyRequest): string {
  return (headers['content-type'] ?? '').split(';', 1).join().trim().toLowerCase();
}
