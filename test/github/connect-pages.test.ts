import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { describeInBrowser } from '../explore/browser.js';
import { type ConnectScene, type Person, useConnectScene } from '../helpers/connect.js';
import { freePort } from '../helpers/postgres-cluster.js';
import { cookieOf } from '../helpers/server.js';

/** Where a person looks at them; unset: they are not kept. */
const SCREENSHOTS = process.env.SCREENSHOTS;
const WIDTHS = [360, 1_280];
const ALLOWED = await freePort();

/** Leads to a page. @returns its title */
const PAGES: Record<string, (scene: ConnectScene, me: Person, page: Page) => Promise<string>> = {
  'sign-in': async ({ server }, _me, page) => {
    await page.context().clearCookies();
    await page.goto(`${server.url}/github/connect`);
    return 'Sign in first';
  },
  approver: async ({ server }, _me, page) => {
    await page.context().clearCookies();
    await page.goto(`${server.url}/github/setup?setup_action=install&installation_id=1`);
    return 'The App is at work';
  },
  requested: async ({ server }, _me, page) => {
    await page.goto(`${server.url}/github/setup?setup_action=request`);
    return 'Your request waits for an owner';
  },
  denied: async ({ server }, _me, page) => {
    await page.goto(`${server.url}/github/callback?error=access_denied`);
    return 'Nothing was connected';
  },
  expired: async ({ server }, _me, page) => {
    await page.goto(`${server.url}/github/callback?code=x&state=y`);
    return 'This attempt cannot be finished';
  },
  unclear: async ({ server }, _me, page) => {
    await page.goto(`${server.url}/github/callback`);
    return 'There is nothing to finish here';
  },
  misconfigured: async ({ server }, _me, page) => {
    await page.goto(`${server.url}/github/callback?error=redirect_uri_mismatch`);
    return 'GitHub does not know this server';
  },
  none: async (scene, me, page) => {
    await through(scene, me, page);
    return 'There is no installation yet';
  },
  'other-account': async (scene, me, page) => {
    await through(scene, me, page);
    const other = await scene.person();
    await through(scene, { ...me, github: other.github }, page);
    return 'This is another GitHub account';
  },
  'github-away': async (scene, me, page) => {
    scene.github.fault(({ path }) => (path === '/user' ? { status: 404 } : undefined));
    await through(scene, me, page);
    return 'That did not work';
  },
  progress: async (scene, me, page) => {
    await scene.organization(me.github);
    scene.github.fault(({ path }) =>
      path.startsWith('/user/') && path.endsWith('/repositories') ? { delay: 5_000 } : undefined,
    );
    await through(scene, me, page);
    return 'Asking GitHub';
  },
  connected: async (scene, me, page) => {
    const [declined, suspended] = [
      await scene.organization(me.github),
      await scene.organization(me.github),
    ];
    await scene.organization(me.github);
    await through(scene, me, page);
    const row = await scene.rowIdOf(me, declined);
    await fetch(`${scene.server.url}/api/users/${me.userId}/installations/${row}`, {
      method: 'DELETE',
      headers: { cookie: await cookieOf(me.userId) },
    });
    scene.github.actions.suspend(suspended);
    await scene.github.world.deliveries.settled();
    await through(scene, me, page);
    return 'GitHub is connected';
  },
};

/** As a person clicks: connect, and choose the account at GitHub. */
async function through({ server }: ConnectScene, { github }: Person, page: Page): Promise<void> {
  await page.goto(`${server.url}/github/connect`);
  await page.getByRole('link', { name: `Continue as ${github.login}` }).click();
}

async function signIn({ server }: ConnectScene, { userId }: Person, page: Page): Promise<void> {
  const [name = '', value = ''] = (await cookieOf(userId)).split(/=(.*)/s);
  await page.context().addCookies([{ name, value, url: server.url, sameSite: 'Lax' }]);
}

describeInBrowser('Each page of connecting, in Chromium,', (_visit, profile) => {
  const scene = useConnectScene('PGlite', ({ url }) => ({ GITHUB_RETURN_URL: `${url}/welcome` }));

  test.each(Object.entries(PAGES))('%s, fits, and says what to do', async (name, go) => {
    const me = await scene().person();
    const page = await (await profile()).newPage();
    const violations: string[] = [];
    page.on('console', (message) => violations.push(message.text()));
    await signIn(scene(), me, page);
    const title = await go(scene(), me, page);
    await page.getByRole('heading', { name: title }).waitFor();
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 700 });
      const scrolled = await page.evaluate('document.documentElement.scrollWidth');
      expect(scrolled).toBeLessThanOrEqual(width);
      if (SCREENSHOTS) {
        mkdirSync(SCREENSHOTS, { recursive: true });
        await page.screenshot({ path: join(SCREENSHOTS, `${name}-${width}.png`) });
      }
    }
    expect(await page.locator('script').count()).toBe(0);
    if (name !== 'progress') expect(await page.locator('main a').count()).toBeGreaterThan(0);
    // It goes on by itself.
    else await page.waitForURL(`${scene().github.url}/welcome`);
    expect(violations.filter((text) => /policy/i.test(text))).toEqual([]);
    await page.context().close();
  });

  test('links again what was unlinked, by its button', async () => {
    const me = await scene().person();
    const page = await (await profile()).newPage();
    await signIn(scene(), me, page);
    await PAGES.connected?.(scene(), me, page);
    await page.getByRole('link', { name: 'Link it again' }).click();
    await page.getByRole('link', { name: `Continue as ${me.github.login}` }).click();
    await page.getByText('suspended at GitHub').waitFor();
    expect(await page.getByText('as you have unlinked it').count()).toBe(0);
    expect(await scene().listOf(me)).toHaveLength(3);
    await page.context().close();
  });
});

describeInBrowser('A page of a second origin, in Chromium,', (_visit, profile) => {
  const scene = useConnectScene('PGlite', { CORS_ORIGINS: `http://127.0.0.1:${ALLOWED}` });
  const servers: Server[] = [];
  const hostPage = async (port: number) => {
    const host = createServer((_request, response) =>
      response.setHeader('content-type', 'text/html').end('<form method="POST"></form>'),
    ).listen(port, '127.0.0.1');
    servers.push(host);
    await once(host, 'listening');
    return `http://127.0.0.1:${(host.address() as AddressInfo).port}/`;
  };

  test('may unlink where its origin is allowed', async () => {
    const me = await scene().person();
    const one = await scene().organization(me.github);
    await scene().connect(me);
    const row = await scene().rowIdOf(me, one);
    const context = await profile();
    const [name = '', value = ''] = (await cookieOf(me.userId)).split(/=(.*)/s);
    await context.addCookies([{ name, value, url: scene().server.url, sameSite: 'Lax' }]);
    const page = await context.newPage();
    await page.goto(await hostPage(ALLOWED));
    const answer = await page.evaluate(async (url) => {
      const { fetch } = globalThis as any;
      return (await fetch(url, { method: 'DELETE', credentials: 'include' })).json();
    }, `${scene().server.url}/api/users/${me.userId}/installations/${row}`);
    expect(answer).toBe(true);
    expect(await scene().listOf(me)).toEqual([]);
    await context.close();
  });

  afterAll(() => {
    for (const server of servers) server.close().closeAllConnections();
  });

  test.each(['None', 'Lax'] as const)(
    'unlinks nothing, and links nothing again, with a cookie that is SameSite=%s',
    async (sameSite) => {
      const me = await scene().person();
      const one = await scene().organization(me.github);
      await scene().connect(me);
      const row = await scene().rowIdOf(me, one);
      const { server } = scene();
      const target = server.url.replace('127.0.0.1', 'localhost');
      const context = await profile();
      const [name = '', value = ''] = (await cookieOf(me.userId)).split(/=(.*)/s);
      const none = sameSite === 'None';
      await context.addCookies([{ name, value, url: target, sameSite, secure: none }]);
      const page = await context.newPage();
      await page.goto(await hostPage(0));
      const mutation = `mutation { unlinkInstallation(id: "${row}") { installationId } }`;
      const tried = await page.evaluate(
        async ([url, user, id, query]) => {
          const scope = globalThis as any;
          const options = { credentials: 'include', mode: 'cors' };
          const json = { 'content-type': 'application/json' };
          const body = JSON.stringify({ query });
          const attempts = [
            scope.fetch(`${url}/api/users/${user}/installations/${id}`, {
              ...options,
              method: 'DELETE',
            }),
            scope.fetch(`${url}/graphql`, { ...options, method: 'POST', headers: json, body }),
            scope.fetch(`${url}/graphql`, { ...options, mode: 'no-cors', method: 'POST', body }),
            scope.fetch(`${url}/graphql?query=${encodeURIComponent(query ?? '')}`, {
              ...options,
              mode: 'no-cors',
            }),
          ];
          const results = await Promise.allSettled(attempts);
          const form = scope.document.querySelector('form');
          form.enctype = 'text/plain';
          form.action = `${url}/graphql`;
          form.innerHTML = `<input name='{"query":"${query?.replaceAll('"', '\\"')}","x":"' value='"}'>`;
          return results.map(({ status, value }: any) => value?.type ?? status);
        },
        [target, me.userId, row, mutation] as const,
      );
      // No answer is for the page to read, whatever was sent.
      expect(tried).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
      await Promise.all([
        page.waitForNavigation(),
        page.evaluate('document.querySelector("form").submit()'),
      ]);
      expect(await scene().listOf(me)).toEqual([String(one.id)]);
      await context.close();
    },
  );
});
