import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { useServer } from '../helpers/server.js';
import { describeInBrowser } from './browser.js';

describeInBrowser('The explorers', (visit) => {
  const server = useServer('PGlite', { NODE_ENV: 'development' });

  test('the offline IDE shows the installations of the demo user, without other hosts', async () => {
    const { page, foreignOrigins, violations, errors } = await visit(server().url);
    await page.goto(`${server().url}/dev/sign-in`);
    expect(page.url()).toBe(`${server().url}/graphiql/`);
    const editor = page.locator('app-query-editor .cm-content').first();
    await editor.waitFor();
    expect(await editor.textContent()).toContain('query MyInstallations');
    await page.getByRole('button', { name: 'Send Request' }).click();
    const result = page.locator('app-query-result .cm-content').first();
    await result.getByText('githubInstallationId').first().waitFor();
    await page.screenshot({ path: join(process.env.TEST_TEMP ?? '', 'offline-ide.png') });
    const answer = await result.textContent();
    for (const value of ['"user123"', '"12345678"', '"4294967299"', '"2024-03-20T10:00:00.000Z"']) {
      expect(answer).toContain(value);
    }
    expect([...foreignOrigins]).toEqual([]);
    // A library probes for eval, and works without it.
    expect(violations).toEqual(['script-src eval']);
    expect(errors).toEqual([]);
  });

  test('the offline IDE shows UNAUTHENTICATED without a session', async () => {
    const { page } = await visit(server().url);
    await page.goto(`${server().url}/graphiql`);
    await page.getByRole('button', { name: 'Send Request' }).click();
    const result = page.locator('app-query-result .cm-content').first();
    await result.getByText('UNAUTHENTICATED').first().waitFor();
  });

  test('the sign-in link sets a host-only, HttpOnly cookie', async () => {
    const response = await fetch(`${server().url}/dev/sign-in`, { redirect: 'manual' });
    expect(response.status).toBe(302);
    expect(response.headers.get('set-cookie')).toMatch(
      /^neptun-session=Fe26\.2\*\S+; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  test('the offline IDE cannot be framed, and runs only its own scripts', async () => {
    const response = await fetch(`${server().url}/graphiql/`);
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    const [, nonce] = /script-src 'self' 'nonce-([^']+)'/.exec(policy) ?? [];
    const scripts = (await response.text()).match(/<script\b[^>]*>/g) ?? [];
    expect(scripts.length).toBeGreaterThan(0);
    for (const tag of scripts) expect(tag).toMatch(/ src="(?!\w+:|\/\/)| nonce="/);
    const again = await fetch(`${server().url}/graphiql/`);
    expect(again.headers.get('content-security-policy')).not.toContain(nonce);
  });

  test('Sandbox cannot be framed, and loads only from Apollo’s hosts and its fonts', async () => {
    const page = await fetch(`${server().url}/graphql`, { headers: { accept: 'text/html' } });
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    const hosts = new Set(policy.match(/https:\/\/[^\s;]+/g));
    expect([...hosts].sort()).toEqual([
      'https://*.cdn.apollographql.com',
      'https://fonts.googleapis.com',
      'https://fonts.gstatic.com',
      'https://sandbox.embed.apollographql.com',
    ]);
  });

  test('Sandbox gets the endpoint, the example query and includeCookies', async () => {
    const { page, violations, errors } = await visit(server().url);
    // A stub, as Sandbox itself is loaded from Apollo's hosts.
    await page.route('https://embeddable-sandbox.cdn.apollographql.com/**', (route) =>
      route.fulfill({
        contentType: 'text/javascript',
        body: 'window.EmbeddedSandbox = class { constructor(given) { window.given = given; } };',
      }),
    );
    await page.goto(`${server().url}/graphql`);
    expect(await page.evaluate('given')).toMatchObject({
      initialEndpoint: `${server().url}/graphql`,
      initialState: {
        document: expect.stringContaining('query MyInstallations'),
        includeCookies: true,
      },
    });
    expect(violations).toEqual([]);
    expect(errors).toEqual([]);
  });

  test.each(
    [360, 1280].flatMap((width) => (['light', 'dark'] as const).map((scheme) => [width, scheme])),
  )('Sandbox leads to the offline IDE without a network: %i pixels, %s', async (width, scheme) => {
    const { page, foreignOrigins, violations } = await visit(server().url);
    await page.setViewportSize({ width: Number(width), height: 800 });
    await page.emulateMedia({ colorScheme: scheme as 'light' | 'dark' });
    await page.goto(`${server().url}/graphql`);
    await page.getByText('you might be offline').waitFor();
    expect(foreignOrigins.size).toBeGreaterThan(0);
    expect(violations).toEqual([]);
    const picture = join(process.env.TEST_TEMP ?? '', `sandbox-${width}-${scheme}.png`);
    await page.screenshot({ path: picture });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    await page.getByRole('link', { name: 'offline IDE' }).click();
    expect(page.url()).toBe(`${server().url}/graphiql/`);
  });

  test('Sandbox covers that message once it is loaded', async () => {
    const { page } = await visit(server().url);
    await page.route('https://embeddable-sandbox.cdn.apollographql.com/**', (route) =>
      route.fulfill({
        contentType: 'text/javascript',
        body: `window.EmbeddedSandbox = class { constructor({ target }) {
          document.querySelector(target).append(document.createElement('iframe')); } };`,
      }),
    );
    await page.goto(`${server().url}/graphql`);
    await page.locator('iframe').waitFor();
    expect(await page.getByText('you might be offline').isVisible()).toBe(false);
  });
});
