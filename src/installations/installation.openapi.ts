import { STATUS_CODES } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { SESSION_COOKIE, SESSION_HEADER } from '../session/session-cookie.js';

const TAG = 'installations';
const EXAMPLE_TIME = '2024-03-20T10:00:00.000Z';

const instant = (description: string) => ({ type: 'string', format: 'date-time', description });

const INSTALLATION = {
  type: 'object',
  description: 'A GitHub App installed in an account or organization, as linked to one user.',
  required: ['id', 'neptun_user_id', 'github_installation_id', 'created_at', 'updated_at'],
  additionalProperties: false,
  properties: {
    id: { type: 'integer', description: 'Our own number of this link.' },
    neptun_user_id: { type: 'string', description: 'The user it belongs to.' },
    github_installation_id: {
      type: 'string',
      pattern: '^[0-9]+$',
      description: 'GitHub’s own id of the installation, possibly beyond 2^31.',
    },
    created_at: instant('When it was linked.'),
    updated_at: instant('When it was last changed.'),
  },
  example: {
    id: 1,
    neptun_user_id: 'user123',
    github_installation_id: '12345678',
    created_at: EXAMPLE_TIME,
    updated_at: EXAMPLE_TIME,
  },
};

const ERROR = {
  type: 'object',
  required: ['statusCode', 'statusMessage', 'data'],
  additionalProperties: false,
  properties: {
    statusCode: { type: 'integer', description: 'The HTTP status.' },
    statusMessage: { type: 'string', description: 'The standard reason phrase of the status.' },
    data: {
      type: 'object',
      required: ['message'],
      additionalProperties: false,
      properties: { message: { type: 'string', description: 'What went wrong, and what to do.' } },
    },
  },
};

const text = (description: string) => ({ description, schema: { type: 'string' } });
const count = (description: string) => ({ description, schema: { type: 'integer' } });

/** Of every answer, but for HTTP's own framing. */
const HEADERS = {
  'X-Request-Id': text('The name of this request in the log. A request may bring its own.'),
  'Cache-Control': text('Only the browser may store the answer, and asks again each time.'),
  Vary: text('The request headers that the answer depends on.'),
  'RateLimit-Limit': count('Requests a minute; absent where there is no limit, as the next two.'),
  'RateLimit-Remaining': count('Requests left in this minute.'),
  'RateLimit-Reset': count('Seconds until the minute ends.'),
  'Content-Security-Policy': text('For a browser that shows the answer: it loads nothing.'),
  'Cross-Origin-Resource-Policy': text('For a browser: no other site may embed the answer.'),
  'Referrer-Policy': text('For a browser: no other site learns the address.'),
  'X-Content-Type-Options': text('For a browser: the media type holds.'),
};
const ETAG = { ETag: text('A strong validator of exactly this answer, for If-None-Match.') };
const ALLOW = { Allow: text('The methods that there are.') };
const WWW_AUTHENTICATE = {
  'WWW-Authenticate': text('The scheme `Cookie`, with the name of the session cookie.'),
};
const RETRY_AFTER = { 'Retry-After': count('Seconds to wait before the next attempt.') };

const answer = (description: string, schema: object, headers = {}) => ({
  description,
  headers: { ...HEADERS, ...headers },
  content: { 'application/json': { schema } },
});

const ERROR_SCHEMA = { $ref: '#/components/schemas/GetInstallationsError' };
const failure = (status: number, description: string, headers = {}) => ({
  [status]: answer(`${STATUS_CODES[status]}: ${description}`, ERROR_SCHEMA, headers),
});

/** OpenAPI 3.1 of the REST shim. A test holds the server's answers against it. */
const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'GitHub App installations',
    version: '1',
    description: 'Which GitHub App installations does the signed-in user have? Also at `/graphql`.',
    contact: { name: 'The authors' },
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/' }],
  tags: [{ name: TAG, description: 'GitHub Apps that are installed for a user.' }],
  paths: {
    '/api/users/{user_id}/installations': {
      get: {
        operationId: 'getInstallations',
        tags: [TAG],
        summary: 'All GitHub App installations of a user',
        description:
          'Only of the session’s own user: any other id is 404, whether it exists or not.',
        security: [{ sessionCookie: [] }, { sessionHeader: [] }],
        parameters: [
          {
            name: 'user_id',
            in: 'path',
            required: true,
            description: 'The user’s id, as the session has it.',
            schema: { type: 'string' },
            example: 'user123',
          },
          {
            name: 'If-None-Match',
            in: 'header',
            description: 'An ETag of an earlier answer.',
            schema: { type: 'string' },
          },
        ],
        responses: {
          200: answer(
            'OK: ordered by `id`, empty when there is none.',
            { type: 'array', items: { $ref: '#/components/schemas/GithubAppInstallation' } },
            ETAG,
          ),
          304: {
            description: 'Not Modified: the answer that you have still holds.',
            headers: { ...HEADERS, ...ETAG },
          },
          ...failure(
            401,
            'the session is missing, forged or expired. Sign in again.',
            WWW_AUTHENTICATE,
          ),
          ...failure(404, 'no such user, or not the session’s own.'),
          ...failure(405, 'use GET, HEAD or OPTIONS.', ALLOW),
          ...failure(429, 'too many requests of this user or address.', RETRY_AFTER),
          ...failure(500, 'unforeseen. Report it with the X-Request-Id of the answer.'),
          ...failure(503, 'the database is away, or the service overloaded.', RETRY_AFTER),
          default: answer('Any other error, in the same shape.', ERROR_SCHEMA),
        },
      },
    },
  },
  components: {
    securitySchemes: {
      sessionCookie: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE },
      sessionHeader: { type: 'apiKey', in: 'header', name: SESSION_HEADER },
    },
    // Named as in the published document.
    schemas: { GithubAppInstallation: INSTALLATION, GetInstallationsError: ERROR },
  },
};

export function openApiRoutes(app: FastifyInstance): void {
  app.get('/openapi.json', (_request, reply) => reply.send(OPENAPI));
}
