import {
  answer,
  ETAG,
  failures,
  IF_NONE_MATCH,
  instant,
  NOT_MODIFIED,
  ROW_ID,
  SECURITY,
  USER_ID,
} from '../http/openapi.js';

const nullable = (type: string, description: string) => ({ type: [type, 'null'], description });

const PROPERTIES = {
  id: {
    type: 'integer',
    description: 'Of the row of the web application; without one, GitHub’s own id.',
  },
  github_repository_id: { type: 'integer', description: 'GitHub’s own id of the repository.' },
  github_repository_name: nullable('string', 'Its name, without the owner.'),
  github_repository_description: nullable('string', 'What its owner says of it.'),
  github_repository_size: nullable('integer', 'Kilobytes.'),
  github_repository_language: nullable('string', 'The main programming language.'),
  github_repository_license: nullable('string', 'The SPDX identifier of its license.'),
  github_repository_url: nullable('string', 'Its page at GitHub.'),
  github_repository_website_url: nullable('string', 'The page that its owner names.'),
  github_repository_default_branch: nullable('string', 'The name of its default branch.'),
  github_repository_is_private: nullable('boolean', 'Whether it is not public.'),
  github_repository_is_fork: nullable('boolean', 'Whether it was forked from another one.'),
  github_repository_is_template: nullable('boolean', 'Whether others may be made of it.'),
  github_repository_is_archived: nullable('boolean', 'Whether nothing in it may be changed.'),
  created_at: instant('When it was imported, or the installation linked.'),
  updated_at: instant('When it was last changed.'),
  github_app_installation_id: {
    type: 'integer',
    description: 'The `id` of the installation in the list.',
  },
};

/** A repository, as the web application's clients know it. */
export const IMPORT = {
  type: 'object',
  description: 'A repository that an installation reaches. What is unknown is null.',
  required: Object.keys(PROPERTIES),
  additionalProperties: false,
  properties: PROPERTIES,
};

export const IMPORT_PATHS = {
  '/api/users/{user_id}/installations/{installation_id}/imports': {
    get: {
      operationId: 'getInstallationImports',
      tags: ['installations'],
      summary: 'The repositories of an installation',
      description:
        'Those that this user may see: private ones are those that GitHub has listed to the user.',
      security: SECURITY,
      parameters: [USER_ID, ROW_ID, IF_NONE_MATCH],
      responses: {
        200: answer(
          'OK: ordered by name in lower case, empty when there is none.',
          { type: 'array', items: { $ref: '#/components/schemas/GithubAppInstallationImport' } },
          ETAG,
        ),
        ...NOT_MODIFIED,
        ...failures(
          'no such installation in the list of the session’s user.',
          'GET, HEAD or OPTIONS',
        ),
      },
    },
  },
};
