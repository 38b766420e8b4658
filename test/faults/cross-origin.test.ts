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
/** Milliseconds that an attempt may take. */
const PATIENCE = 5_000;
const allowed = `http://127.0.0.1:${await freePort()}`;

/** What the browser has sent to the server, and what came back. */
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

  /** A stranger's web server, whose one page is of whatever host and port it is called by. */
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
    // Between the browser and the server: it alone sees what a page cannot read.
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

  /** Runs an attempt's code in a page of its own; returns what that could read. */
  async function attempt(context: BrowserContext, origin: string, code: string): Promise<string> {
    const page = await context.newPage();
    await page.goto(origin);
    const rest = `/api/users/${userId}/installations`;
    const running = page
      .evaluate(`attempt(${JSON.stringify({ victim, rest, code })})`)
      // Those that navigate away read nothing more.
      .catch(() => '');
    const read = await Promise.race([running, sleep(PATIENCE)]);
    await sleep(200);
    // One that is still navigating may not let itself be closed; its profile ends it.
    await Promise.race([page.close(), sleep(PATIENCE)]);
    return String(read);
  }

  // The port makes another origin, but the same site: SameSite holds no cookie back.
  test.each([
    ['of the same site', () => `http://127.0.0.1:${attacker}`, 30],
    ['of another site', () => `http://localhost:${attacker}`, 3],
  ])(
    `%s reads nothing, and runs no query, in ${ATTEMPTS.length} attempts`,
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

  test('that is allowed reads over both, so that the attempts would be seen to succeed', async () => {
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
