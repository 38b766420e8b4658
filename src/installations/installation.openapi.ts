import { STATUS_CODES } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { SESSION_COOKIE, SESSION_HEADER } from '../session/session-cookie.js';

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

const header = (description: string) => ({ description, schema: { type: 'string' } });
const ETAG = { ETag: header('A strong validator of exactly this answer.') };
const WWW_AUTHENTICATE = {
  'WWW-Authenticate': header('The scheme `Cookie`, with the name of the session cookie.'),
};
const RETRY_AFTER = { 'Retry-After': header('Seconds to wait.') };

const failure = (status: number, description: string, headers = {}) => ({
  [status]: {
    description: `${STATUS_CODES[status]}: ${description}`,
    headers,
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  },
});

/** OpenAPI 3.1 of the REST shim. A test holds the server's answers against it. */
const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'GitHub App installations',
    version: '1',
    description: 'Which GitHub App installations does the signed-in user have? Also at `/graphql`.',
  },
  servers: [{ url: '/' }],
  paths: {
    '/api/users/{user_id}/installations': {
      get: {
        operationId: 'getInstallations',
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
          200: {
            description: 'OK: ordered by `id`, empty when there is none.',
            headers: ETAG,
            content: {
              'application/json': {
                schema: { type: 'array', items: { $ref: '#/components/schemas/Installation' } },
              },
            },
          },
          304: {
            description: 'Not Modified: the answer that you have still holds.',
            headers: ETAG,
          },
          ...failure(
            401,
            'the session is missing, forged or expired. Sign in again.',
            WWW_AUTHENTICATE,
          ),
          ...failure(404, 'no such user, or not the session’s own.'),
          ...failure(405, 'use GET, HEAD or OPTIONS.', { Allow: header('Methods there are.') }),
          ...failure(429, 'too many requests of this user or address.', RETRY_AFTER),
          ...failure(500, 'unforeseen. Report it with the X-Request-Id of the answer.'),
          ...failure(503, 'the database is away, or the service overloaded.', RETRY_AFTER),
        },
      },
    },
  },
  components: {
    securitySchemes: {
      sessionCookie: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE },
      sessionHeader: { type: 'apiKey', in: 'header', name: SESSION_HEADER },
    },
    schemas: { Installation: INSTALLATION, Error: ERROR },
  },
};

export function openApiRoutes(app: FastifyInstance): void {
  app.get('/openapi.json', (_request, reply) => reply.send(OPENAPI));
}
