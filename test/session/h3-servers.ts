import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as h3v1 from 'h3-v1';
import * as h3v2 from 'h3-v2';
import { SESSION_COOKIE } from '../../src/session/session-cookie.js';

export const PASSWORD = 'the current password, 32 characters or more';
export const PREVIOUS = 'the previous password, 32 characters or more';

interface SessionConfig {
  password: string;
  /** Lifetime of the seal in seconds; by default it does not expire. */
  maxAge?: number;
}

/** A web application that signs in any visitor, with `data` in the session. */
type Application = (data: object, config: SessionConfig & { name: string }) => RequestListener;

const APPLICATIONS = {
  'h3 v1': (data, config) => {
    const app = h3v1.createApp();
    app.use(
      h3v1.eventHandler(async (event) => {
        const session = await h3v1.useSession(event, config);
        await session.update(data);
        return 'signed in';
      }),
    );
    return h3v1.toNodeListener(app);
  },
  'h3 v2': (data, config) => {
    const app = new h3v2.H3().get('/', async (event) => {
      const session = await h3v2.useSession(event, config);
      await session.update(data);
      return 'signed in';
    });
    return h3v2.toNodeHandler(app) as RequestListener;
  },
} satisfies Record<string, Application>;

export type Issuer = keyof typeof APPLICATIONS;
export const ISSUERS = Object.keys(APPLICATIONS) as Issuer[];

/** Exceeds the size of one cookie, so that h3 v2 splits the session into chunks. */
export const LARGE = 'x'.repeat(4500);

/** The cookies of a browser that has signed in at a web application. */
export async function cookiesOf(
  issuer: Issuer,
  data: object,
  config: Partial<SessionConfig> = {},
): Promise<Map<string, string>> {
  const listener = APPLICATIONS[issuer](data, {
    name: SESSION_COOKIE,
    password: PASSWORD,
    ...config,
  });
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/`);
    if (!response.ok) throw new Error(`${issuer} responded with ${response.status}`);
    return new Map(
      response.headers
        .getSetCookie()
        .map((cookie) => (cookie.split(';')[0] ?? '').split('=', 2) as [string, string]),
    );
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

export const cookieHeader = (cookies: Map<string, string>): string =>
  [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');

/** The `Cookie` header of a browser that has signed in at a web application. */
export async function signIn(
  issuer: Issuer,
  user: unknown,
  config: Partial<SessionConfig> & { note?: string } = {},
): Promise<string> {
  const { note, ...sessionConfig } = config;
  return cookieHeader(await cookiesOf(issuer, { user, note }, sessionConfig));
}

/** The value of that cookie. */
export async function sealedBy(
  issuer: Issuer,
  user: unknown,
  config: Partial<SessionConfig> = {},
): Promise<string> {
  return (await signIn(issuer, user, config)).slice(SESSION_COOKIE.length + 1);
}
