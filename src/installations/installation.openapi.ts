import {
  answer,
  ETAG,
  failure,
  failures,
  IF_NONE_MATCH,
  instant,
  NOT_MODIFIED,
  ROW_ID,
  SECURITY,
  USER_ID,
} from '../http/openapi.js';

const EXAMPLE_TIME = '2024-03-20T10:00:00.000Z';

export const INSTALLATION = {
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

export const INSTALLATION_PATHS = {
  '/api/users/{user_id}/installations': {
    get: {
      operationId: 'getInstallations',
      tags: ['installations'],
      summary: 'All GitHub App installations of a user',
      description: 'Only of the session’s own user: any other id is 404, whether it exists or not.',
      security: SECURITY,
      parameters: [USER_ID, IF_NONE_MATCH],
      responses: {
        200: answer(
          'OK: ordered by `id`, empty when there is none.',
          { type: 'array', items: { $ref: '#/components/schemas/GithubAppInstallation' } },
          ETAG,
        ),
        ...NOT_MODIFIED,
        ...failures('no such user, or not the session’s own.', 'GET, HEAD or OPTIONS'),
      },
    },
  },
  '/api/users/{user_id}/installations/{installation_id}': {
    delete: {
      operationId: 'unlinkInstallation',
      tags: ['installations'],
      summary: 'Remove an installation from the list of a user',
      description:
        'It stays installed at GitHub, and in the lists of others. It comes back when the user connects it again.',
      security: SECURITY,
      parameters: [USER_ID, ROW_ID],
      responses: {
        200: answer('OK: it is not in the list any more.', { type: 'boolean', const: true }),
        ...failure(403, 'a page of another site has asked, whose origin is not in CORS_ORIGINS.'),
        ...failures('no such installation in the list of the session’s user.', 'DELETE or OPTIONS'),
      },
    },
  },
};
