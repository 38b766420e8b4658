import { randomBytes } from 'node:crypto';
import staticFiles from '@fastify/static';
import { getAltairHtml, getDistDirectory } from 'altair-static';
import type { FastifyInstance } from 'fastify';
import { EXAMPLE_QUERY } from '../graphql/sandbox.js';
import { SESSION_COOKIE } from '../session/session-cookie.js';
import { idePolicy } from './ide-policy.js';

/** The offline IDE. Apollo Server serves Sandbox at `GET /graphql`. */
export const IDE_PATH = '/graphiql/';
export const SIGN_IN_PATH = '/dev/sign-in';

/** @param demoSession makes a sealed session; `null`: no sign-in link */
export async function exploreRoutes(
  app: FastifyInstance,
  demoSession: (() => Promise<string>) | null,
): Promise<void> {
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
