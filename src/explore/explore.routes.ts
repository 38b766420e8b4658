import { randomBytes } from 'node:crypto';
import staticFiles from '@fastify/static';
import { getAltairHtml, getDistDirectory } from 'altair-static';
import type { FastifyInstance } from 'fastify';
import { EXAMPLE_QUERY, IDE_PATH } from '../graphql/sandbox.js';
import type { Demo } from './demo.js';
import { idePolicy } from './ide-policy.js';
import { signInRoutes } from './sign-in.routes.js';

/** The offline IDE and the demo sign-in; `null`: none. Apollo Server serves Sandbox at `GET /graphql`. */
export async function exploreRoutes(app: FastifyInstance, demo: Demo | null): Promise<void> {
  await app.register(staticFiles, {
    root: getDistDirectory(),
    prefix: IDE_PATH,
    index: false,
    // Runs pre- and post-request scripts, which are not supported here.
    allowedPath: (path) => !path.startsWith('/iframe-sandbox'),
  });
  app.get(IDE_PATH, (request, reply) => {
    // Its links are relative.
    if (!request.url.startsWith(IDE_PATH)) return reply.redirect(IDE_PATH);
    const nonce = randomBytes(16).toString('base64');
    return reply
      .headers(idePolicy(nonce))
      .header('cache-control', 'no-store')
      .type('text/html; charset=utf-8')
      .send(idePage(nonce));
  });
  if (demo) await app.register(async (scope) => signInRoutes(scope, demo));
}

function idePage(nonce: string): string {
  const options = JSON.stringify({
    endpointURL: '/graphql',
    initialQuery: EXAMPLE_QUERY,
    initialHeaders: { 'apollo-require-preflight': 'true' },
    preserveState: false,
    disableAccount: true,
    persistedSettings: {
      'alert.disableUpdateNotification': true,
      'banners.disable': true,
      disablePushNotification: true,
    },
  }).replaceAll('<', '\\u003c');
  return getAltairHtml()
    .replace(/<base[^>]*>/, '')
    .replace(
      '</body>',
      () =>
        `<script type="module" nonce="${nonce}">AltairGraphQL.init(${options});</script></body>`,
    );
}
