import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client, cacheExchange, fetchExchange } from '@urql/core';
import { GraphQLClient } from 'graphql-request';
import createClient from 'openapi-fetch';
import type { Page } from 'playwright-core';
import { describeInBrowser } from '../explore/browser.js';
import { freePort } from '../helpers/postgres-cluster.js';
import { cookieOf, useServer } from '../helpers/server.js';
import { programsOf } from './client-programs.js';

const QUERY = '{ viewer { installations { githubInstallationId } } }';
const credentials = 'include';
/** Not what the page itself loads. */
const API = /\/(graphql|installations)(\?|$)/;
const otherOrigin = `http://localhost:${await freePort()}`;

type Fetch = typeof fetch;

/** What clients ask for by their defaults, apart from `credentials`. */
const CLIENTS: [string, 'GET' | 'POST', (url: string, fetch: Fetch) => Promise<unknown>][] = [
  [
    'Apollo Client',
    'POST',
    (url, fetch) => {
      const link = new HttpLink({ uri: `${url}/graphql`, credentials, fetch });
      return new ApolloClient({ link, cache: new InMemoryCache() }).query({
        query: gql(QUERY),
      });
    },
  ],
  [
    'urql',
    'GET',
    async (url, fetch) => {
      const exchanges = [cacheExchange, fetchExchange];
      const fetchOptions = { credentials } as const;
      const client = new Client({ url: `${url}/graphql`, exchanges, fetchOptions, fetch });
      const { data, error } = await client.query(QUERY, {});
      return { data, error };
    },
  ],
  [
    'graphql-request',
    'POST',
    (url, fetch) => new GraphQLClient(`${url}/graphql`, { credentials, fetch }).request(QUERY),
  ],
  [
    'openapi-fetch',
    'GET',
    (url, fetch) =>
      createClient<any>({ baseUrl: url, credentials, fetch }).GET(
        '/api/users/{user_id}/installations',
        { params: { path: { user_id: 'user123' } } },
      ),
  ],
];

/** The browser's own `fetch` in a page, for clients outside: it adds the browser's headers, cookies and checks. */
const fetchIn =
  (page: Page): Fetch =>
  async (input, init) => {
    const request = new Request(input, init);
    const { url, method, credentials } = request;
    const headers = Object.fromEntries(request.headers);
    const body = method === 'GET' ? null : await request.text();
    const answer = await page.evaluate(
      async ([target, options]) => {
        const response = await fetch(target, options);
        const { status, headers } = response;
        return { text: await response.text(), status, headers: Object.fromEntries(headers) };
      },
      [url, { method, credentials, headers, body }] as const,
    );
    return new Response(answer.text, answer);
  };

describeInBrowser('A client in a page', (_visit, profile) => {
  const server = useServer('PGlite', { NODE_ENV: 'development', CORS_ORIGINS: otherOrigin });
  let host: Server;
  beforeAll(async () => {
    host = createServer((_request, response) =>
      response.setHeader('content-type', 'text/html').end('<title>A page</title>'),
    ).listen(Number(new URL(otherOrigin).port), 'localhost');
    await once(host, 'listening');
  });
  afterAll(() => {
    host.close();
  });

  /** A page with the cookie of a user; its URL of the server has the name of the cookie. */
  async function open(isOther: boolean): Promise<{ page: Page; url: string }> {
    const url = server().url.replace('127.0.0.1', 'localhost');
    const context = await profile();
    const [name = '', value = ''] = (await cookieOf('user123')).split('=');
    await context.addCookies([
      { name, value, domain: 'localhost', path: '/', httpOnly: true, sameSite: 'Lax' },
    ]);
    const page = await context.newPage();
    // The page's own requests have ended.
    await page.goto(isOther ? otherOrigin : `${url}/graphiql/`, { waitUntil: 'networkidle' });
    return { page, url };
  }

  describe.each([
    ['the same origin', false],
    ['another origin', true],
  ])('of %s', (_name, isOther) => {
    let opened: Awaited<ReturnType<typeof open>>;
    beforeAll(async () => {
      opened = await open(isOther);
    });
    afterAll(() => opened.page.context().close());

    test.each(CLIENTS)(
      'gets the installations by its defaults: %s, %s',
      async (_c, method, ask) => {
        const { page, url } = opened;
        const sent = page.waitForRequest((request) => API.test(request.url()));
        expect(JSON.stringify(await ask(url, fetchIn(page)))).toContain('12345678');
        expect((await sent).method()).toBe(method);
      },
    );
  });

  test('may be the documented fetch', async () => {
    const { page, url } = await open(true);
    const [program] = await programsOf('Session and errors', url);
    const run = () =>
      page.evaluate(
        `(async () => { let shown; const console = { log: (it) => { shown = it; } }; ${program}; return shown; })()`,
      );
    expect(await run()).toContainEqual({ githubInstallationId: '12345678' });
    await page.context().clearCookies();
    expect(await run()).toBe('UNAUTHENTICATED');
    await page.context().close();
  });
});
