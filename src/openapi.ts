import type { FastifyInstance } from 'fastify';
import { ERROR, ERROR_NAME } from './http/openapi.js';
import { INSTALLATION, INSTALLATION_PATHS } from './installations/installation.openapi.js';
import { IMPORT, IMPORT_PATHS } from './repositories/import.openapi.js';
import { SESSION_COOKIE, SESSION_HEADER } from './session/session-cookie.js';

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
  tags: [{ name: 'installations', description: 'GitHub Apps that are installed for a user.' }],
  paths: { ...INSTALLATION_PATHS, ...IMPORT_PATHS },
  components: {
    securitySchemes: {
      sessionCookie: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE },
      sessionHeader: { type: 'apiKey', in: 'header', name: SESSION_HEADER },
    },
    // The first and the last are named as in the published document.
    schemas: {
      GithubAppInstallation: INSTALLATION,
      GithubAppInstallationImport: IMPORT,
      [ERROR_NAME]: ERROR,
    },
  },
};

export function openApiRoutes(app: FastifyInstance): void {
  app.get('/openapi.json', (_request, reply) => reply.send(OPENAPI));
}
