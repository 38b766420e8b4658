import { randomBytes } from 'node:crypto';
import staticFiles from '@fastify/static';
import { getAltairHtml, getDistDirectory } from 'altair-static';
import type { FastifyInstance } from 'fastify';
import { EXAMPLE_QUERY } from '../graphql/sandbox.js';
import { SESSION_COOKIE } from '../session/session-cookie.js';
import { idePolicy } from './ide-policy.js';

/** The IDE that needs no network. Sandbox stands at `GET /graphql`, served by Apollo itself. */
export const IDE_PATH = '/graphiql/';
/** The link that signs a browser in as the demo user. */
export const SIGN_IN_PATH = '/dev/sign-in';

/**
 * Altair, from its package's own files: nothing is fetched from elsewhere, and its page runs no
 * script that this server did not send.
 *
 * @param demoSession makes a sealed session; `null`: there is no link that signs in
 */
export async function exploreRoutes(
  app: FastifyInstance,
  demoSession: (() => Promise<string>) | null,
): Promise<void> {
  await app.register(staticFiles, {
    root: getDistDirectory(),
    prefix: IDE_PATH,
    index: false,
    // Altair would run scripts around requests in there; nobody needs them here.
    allowedPath: (path) => !path.startsWith('/iframe-sandbox'),
  });
  app.get(IDE_PATH.slice(0, -1), (_request, reply) => reply.redirect(IDE_PATH));
  app.get(IDE_PATH, (_request, reply) => {
    const nonce = randomBytes(16).toString('base64');
    return reply
      .headers(idePolicy(nonce))
      .header('cache-control', 'no-store')
      .type('text/html; charset=utf-8')
      .send(idePage(nonce));
  });
  if (demoSession) {
    app.get(SIGN_IN_PATH, async (_request, reply) => {
      const cookie = `${SESSION_COOKIE}=${await demoSession()}; Path=/; HttpOnly; SameSite=Lax`;
      return reply
        .header('set-cookie', cookie)
        .header('cache-control', 'no-store')
        .redirect(IDE_PATH);
    });
  }
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
