import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { describeOnPostgres } from '../helpers/databases.js';
import { exchange } from '../helpers/raw-http.js';
import { useServer } from '../helpers/server.js';
import { describeInBrowser } from './browser.js';

/** A server as `npm start` makes it: with a generated password. */
const DEVELOPMENT = { NODE_ENV: 'development', SESSION_PASSWORD: '' };

describe('The start page', () => {
  const server = useServer('PGlite', DEVELOPMENT);

  describeInBrowser('in Chromium', (visit, profile) => {
    test.each(['user123', 'user-with-none', 'user-with-many'])(
      'signs in as %s and out again, without scripts and other hosts',
      async (user) => {
        const { page, foreignOrigins, violations, errors } = await visit(server().url);
        await page.goto(server().url);
        await page.getByText('Not signed in').waitFor();
        await page.getByRole('link', { name: user, exact: true }).click();
        await page.getByText(`Signed in as ${user}`).waitFor();
        expect(page.url()).toBe(`${server().url}/`);
        await page.getByRole('link', { name: 'REST' }).click();
        expect(page.url()).toBe(`${server().url}/api/users/${user}/installations`);
        expect(await page.textContent('body')).toMatch(/^\[/);
        await page.goBack();
        await page.getByRole('button', { name: 'Sign out' }).click();
        await page.getByText('Not signed in').waitFor();
        expect(await page.locator('script').count()).toBe(0);
        expect([[...foreignOrigins], violations, errors]).toEqual([[], [], []]);
      },
    );

    test('signs in as any id, which it shows as text', async () => {
      const { page, violations } = await visit(server().url);
      const id = '<img src=x onerror=alert(1)>&amp;"\'';
      await page.goto(server().url);
      await page.getByLabel('Any user').fill(id);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText(`Signed in as ${id}`).waitFor();
      expect(await page.locator('img').count()).toBe(0);
      expect(violations).toEqual([]);
    });

    test('links to both explorers and the documents, all served here', async () => {
      const { page } = await visit(server().url);
      await page.goto(server().url);
      for (const name of ['Offline IDE', 'Apollo Sandbox', 'OpenAPI', 'Schema', 'README']) {
        const path = await page.getByRole('link', { name }).getAttribute('href');
        const response = await fetch(server().url + path, { headers: { accept: 'text/html' } });
        expect([name, response.status]).toEqual([name, 200]);
        expect(response.headers.get('content-type')).toMatch(/^(text|application\/json)/);
      }
    });

    test('keeps one session for a browser that uses both names', async () => {
      const { port } = new URL(server().url);
      const context = await profile();
      const page = await context.newPage();
      await page.goto(`http://localhost:${port}/dev/sign-in?user=user123`);
      await page.getByText('Signed in as user123').waitFor();
      expect(page.url()).toBe(`${server().url}/`);
      await page.goto(`http://localhost:${port}/`);
      await page.getByText('Signed in as user123').waitFor();
      expect((await context.cookies()).map(({ domain }) => domain)).toEqual(['127.0.0.1']);
      await context.close();
    });

    test.each(
      [360, 1280].flatMap((width) => (['light', 'dark'] as const).map((scheme) => [width, scheme])),
    )('fits a window of %i pixels, %s', async (width, scheme) => {
      const { page } = await visit(server().url);
      await page.setViewportSize({ width: Number(width), height: 800 });
      await page.emulateMedia({ colorScheme: scheme as 'light' | 'dark' });
      const longest = 'w'.repeat(512);
      for (const user of ['user-with-many', longest]) {
        await page.goto(`${server().url}/dev/sign-in?user=${user}`);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      }
      const picture = `start-page-${width}-${scheme}.png`;
      await page.screenshot({ path: join(process.env.TEST_TEMP ?? '', picture), fullPage: true });
      const [text, back] = (await page.evaluate(
        '[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]',
      )) as [string, string];
      const isDark = (color: string) =>
        color
          .match(/\d+/g)
          ?.slice(0, 3)
          .every((n) => Number(n) < 80);
      expect([isDark(text), back !== 'rgba(0, 0, 0, 0)' && isDark(back)]).toEqual(
        scheme === 'dark' ? [false, true] : [true, false],
      );
    });
  });

  test('loads nothing, cannot be framed, and is not stored', async () => {
    const { headers } = await fetch(server().url);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/script-src|unsafe|https?:/);
    expect(headers.get('cache-control')).toBe('private, no-store');
  });

  test('stands beside the schema, as text', async () => {
    const response = await fetch(`${server().url}/schema.graphql`);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await response.text()).toBe(readFileSync('schema.graphql', 'utf8'));
  });

  test('offers no sign-in under another name', async () => {
    const answer = await exchange(
      server().url,
      'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n',
      1_000,
    );
    expect(answer).toContain('GitHub App installations');
    expect(answer).not.toContain('/dev/sign-in');
  });
});

describe('With a configured password', () => {
  const server = useServer('PGlite', { NODE_ENV: 'development' });

  test('the start page offers the demo users, and no other', async () => {
    const page = await (await fetch(server().url)).text();
    expect(page).toContain('/dev/sign-in?user=user-with-many');
    expect(page).not.toContain('<input');
  });
});

describe('Without the IDE', () => {
  const server = useServer('PGlite', { NODE_ENV: 'development', GRAPHQL_IDE: 'false' });

  test.each(['/', '/schema.graphql', '/README.md', '/graphiql/', '/dev/sign-in'])(
    '%s is 404',
    async (path) => {
      expect((await fetch(server().url + path)).status).toBe(404);
    },
  );
});

describeOnPostgres('On PostgreSQL without demo users', () => {
  const server = useServer('PostgreSQL', DEVELOPMENT);

  test('the start page says how to add them', async () => {
    const page = await (await fetch(server().url)).text();
    expect(page).toContain('npm run cli -- seed');
    expect(page).not.toMatch(/user123|<input/);
  });
});
