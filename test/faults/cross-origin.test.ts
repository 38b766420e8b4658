import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { BrowserContext } from 'playwright-core';
import { describeInBrowser } from '../explore/browser.js';
import { freePort } from '../helpers/postgres-cluster.js';
import { cookieOf, useServer } from '../helpers/server.js';
import { ATTEMPTS, PAGE } from './cross-origin-attempts.js';

const SECRET = '98765432101';
const PAGES_AT_ONCE = 8;
/** Milliseconds. */
const ATTEMPT_TIMEOUT = 5_000;
const allowed = `http://127.0.0.1:${await freePort()}`;

/** A request of the browser, and the response. */
interface Exchange {
  method: string;
  path: string;
  signedIn: boolean;
  answer: string;
}

describeInBrowser('A page of another origin', (_visit, profile) => {
  const server = useServer('PGlite', { CORS_ORIGINS: allowed });
  const exchanges: Exchange[] = [];
  const servers: Server[] = [];
  let victim: string;
  let attacker: string;
  let userId: string;

  /** Serves the attacking page on any host name. */
  async function hostPage(port: number): Promise<number> {
    const host = createServer((_request, response) =>
      response.setHeader('content-type', 'text/html').end(PAGE),
    ).listen(port, '127.0.0.1');
    servers.push(host);
    await once(host, 'listening');
    return (host.address() as AddressInfo).port;
  }

  beforeAll(async () => {
    userId = await server().addUser([SECRET]);
    // A recording proxy, as a page cannot read every response.
    const recorder = createServer((incoming, outgoing) => {
      const { method = '', url: path = '', headers } = incoming;
      const forward = request(server().url + path, { method, headers }, async (answer) => {
        const body = await text(answer);
        const signedIn = headers.cookie !== undefined;
        exchanges.push({ method, path, signedIn, answer: body });
        outgoing.writeHead(answer.statusCode ?? 0, answer.headers).end(body);
      });
      incoming.pipe(forward.on('error', () => outgoing.destroy()));
    }).listen(0, '127.0.0.1');
    servers.push(recorder);
    await once(recorder, 'listening');
    victim = `http://127.0.0.1:${(recorder.address() as AddressInfo).port}`;
    attacker = String(await hostPage(0));
    await hostPage(Number(new URL(allowed).port));
  });
  afterAll(() => {
    for (const host of servers) {
      host.close();
      host.closeAllConnections();
    }
  });

  async function signedInProfile(): Promise<BrowserContext> {
    const context = await profile();
    const [name = '', value = ''] = (await cookieOf(userId)).split(/=(.*)/);
    await context.addCookies([{ name, value, url: victim, httpOnly: true, sameSite: 'Lax' }]);
    return context;
  }

  /** Runs an attempt in a new page; returns the text that it could read. */
  async function attempt(context: BrowserContext, origin: string, code: string): Promise<string> {
    const page = await context.newPage();
    await page.goto(origin);
    const rest = `/api/users/${userId}/installations`;
    const running = page
      .evaluate(`attempt(${JSON.stringify({ victim, rest, code })})`)
      // A page that navigates away cannot read any more.
      .catch(() => '');
    const read = await Promise.race([running, sleep(ATTEMPT_TIMEOUT)]);
    await sleep(200);
    // A navigating page may fail to close; closing its profile ends it.
    await Promise.race([page.close(), sleep(ATTEMPT_TIMEOUT)]);
    return String(read);
  }

  // Another port is another origin of the same site: SameSite does not withhold the cookie.
  test.each([
    ['of the same site', () => `http://127.0.0.1:${attacker}`, 30],
    ['of another site', () => `http://localhost:${attacker}`, 3],
  ])(
    `%s reads no data and runs no query in ${ATTEMPTS.length} attempts`,
    async (_site, origin, leastSignedIn) => {
      exchanges.length = 0;
      const context = await signedInProfile();
      const waiting = [...ATTEMPTS];
      const succeeded: string[] = [];
      const worker = async () => {
        for (let next = waiting.shift(); next; next = waiting.shift()) {
          const read = await attempt(context, origin(), next[1]);
          if (read.includes(SECRET) || read.includes('githubInstallationId')) {
            succeeded.push(next[0]);
          }
        }
      };
      await Promise.all(Array.from({ length: PAGES_AT_ONCE }, worker));
      await context.close();
      expect(succeeded).toEqual([]);
      const graphql = exchanges.filter(({ path }) => path.startsWith('/graphql'));
      const ran = graphql.filter(({ answer }) => answer.includes('"data":{'));
      expect(ran.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
      expect(graphql.length).toBeGreaterThanOrEqual(25);
      const signedIn = exchanges.filter(({ signedIn }) => signedIn).length;
      expect(signedIn).toBeGreaterThanOrEqual(leastSignedIn);
    },
    120_000,
  );

  test('that is allowed reads over REST and GraphQL, which shows that attempts can succeed', async () => {
    exchanges.length = 0;
    const context = await signedInProfile();
    const codes = new Map(ATTEMPTS);
    for (const name of ['fetch, JSON', 'fetch of REST, with credentials']) {
      expect(await attempt(context, allowed, codes.get(name) ?? '')).toContain(SECRET);
    }
    await context.close();
    expect(exchanges.some(({ answer }) => answer.includes('"data":{'))).toBe(true);
    expect(exchanges.some(({ method }) => method === 'OPTIONS')).toBe(true);
  });
});
