import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const EXECUTABLE = '/usr/bin/chromium';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A page in its own browser profile, with its requests and errors. */
export interface Visit {
  page: Page;
  /** Other origins that it has requested; these requests are blocked. */
  foreignOrigins: Set<string>;
  /** Content-security-policy violations, as `directive blocked-uri`. */
  violations: string[];
  /** Uncaught exceptions. */
  errors: string[];
}

/**
 * Runs tests in Chromium. Without it, CI fails, and other runs skip them with a warning.
 *
 * @param tests `visit` opens a page restricted to one origin, `profile` an unrestricted browser profile
 */
export function describeInBrowser(
  name: string,
  tests: (
    visit: (origin: string) => Promise<Visit>,
    profile: () => Promise<BrowserContext>,
  ) => void,
): void {
  const installed = existsSync(EXECUTABLE);
  if (!installed && process.env.CI) throw new Error(`${EXECUTABLE} is missing: install chromium`);
  if (!installed) {
    console.warn(`\n********\n${EXECUTABLE} is missing: NOT TESTED: ${name}.\n********\n`);
  }
  (installed ? describe : describe.skip)(name, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS });
    });
    afterAll(() => browser?.close());
    tests(
      (origin) => visit(browser, origin),
      () => browser.newContext(),
    );
  });
}

async function visit(browser: Browser, origin: string): Promise<Visit> {
  const page = await (await browser.newContext()).newPage();
  const seen: Visit = { page, foreignOrigins: new Set(), violations: [], errors: [] };
  page.on('pageerror', ({ message }) => seen.errors.push(message));
  await page.route('**/*', (route) => {
    const url = new URL(route.request().url());
    if (url.origin === origin) return route.continue();
    seen.foreignOrigins.add(url.origin);
    return route.abort();
  });
  await page.exposeFunction('reportViolation', (text: string) => seen.violations.push(text));
  await page.addInitScript(() => {
    const scope = globalThis as any;
    scope.document.addEventListener('securitypolicyviolation', (event: any) =>
      scope.reportViolation(`${event.effectiveDirective} ${event.blockedURI}`),
    );
  });
  return seen;
}
