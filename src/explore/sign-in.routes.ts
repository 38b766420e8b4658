import type { FastifyInstance } from 'fastify';
import { errorBody } from '../errors.js';
import { IDE_PATH } from '../graphql/sandbox.js';
import { cameToLoopback } from '../http/loopback.js';
import { SESSION_COOKIE } from '../session/session-cookie.js';
import type { Demo } from './demo.js';
import { DEMO_USER } from './demo-data.js';

export const START_PATH = '/';
export const SIGN_IN_PATH = '/dev/sign-in';
export const SIGN_OUT_PATH = '/dev/sign-out';

/** Characters, so that the cookie stays below the 4,096 bytes that browsers keep. */
const MAX_USER_ID = 512;
const QUERY = {
  type: 'object',
  properties: { user: { type: 'string', minLength: 1, maxLength: MAX_USER_ID } },
};
/** Of a page of this server, of an address that a person has typed, and of programs. */
const OWN_SITES: unknown[] = ['same-origin', 'none', undefined];
const ATTRIBUTES = 'Path=/; HttpOnly; SameSite=Lax';

/** Sets and removes the session cookie of a development server. */
export function signInRoutes(app: FastifyInstance, demo: Demo): void {
  app.addHook('onRequest', (request, reply, done) => {
    const refuse = (message: string) =>
      reply.code(403).header('cache-control', 'no-store').send(errorBody(403, message));
    // A page of another site whose name was pointed here (DNS rebinding) would get a session of its own origin.
    if (!cameToLoopback(request))
      return refuse('Sign in on the machine of the server: open 127.0.0.1 or localhost');
    // A link on another site, or another port of this machine, would sign a person in as somebody else (login CSRF).
    if (!OWN_SITES.includes(request.headers['sec-fetch-site']))
      return refuse('Another site led here: open the start page, /, and sign in there');
    done();
  });

  app.get<{ Querystring: { user?: string } }>(
    SIGN_IN_PATH,
    { schema: { querystring: QUERY } },
    async (request, reply) => {
      const { user } = request.query;
      const userId = user ?? DEMO_USER;
      reply.header('cache-control', 'no-store');
      if (!demo.allows(userId)) {
        const message = 'Only demo users here: npm run cli -- session --user ID makes a cookie';
        return reply.code(403).send(errorBody(403, message));
      }
      return reply
        .header('set-cookie', `${SESSION_COOKIE}=${await demo.session(userId)}; ${ATTRIBUTES}`)
        .redirect(user === undefined ? IDE_PATH : START_PATH);
    },
  );

  app.get(SIGN_OUT_PATH, (_request, reply) =>
    reply
      .header('set-cookie', `${SESSION_COOKIE}=; ${ATTRIBUTES}; Max-Age=0`)
      .header('cache-control', 'no-store')
      .redirect(START_PATH),
  );
}
