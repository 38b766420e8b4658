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

/** A page in a browser profile of its own, and what it has asked for and complained about. */
export interface Visit {
  page: Page;
  /** Origins other than `origin` that it has tried to reach; nothing gets through to them. */
  foreignOrigins: Set<string>;
  /** Content-security-policy violations, as `directive blocked-uri`. */
  violations: string[];
  /** Uncaught exceptions. */
  errors: string[];
}

/**
 * Runs tests in a real Chromium; where there is none, CI fails and others are told.
 *
 * @param tests handed a way to visit one origin and no other, and one to get a profile that goes anywhere
 */
export function describeInBrowser(
  name: string,
  tests: (
    visit: (origin: string) => Promise<Visit>,
    profile: () => Promise<BrowserContext>,
  ) => void,
): void {
  const there = existsSync(EXECUTABLE);
  if (!there && process.env.CI) throw new Error(`${EXECUTABLE} is missing: install chromium`);
  if (!there) {
    console.warn(`\n********\n${EXECUTABLE} is missing: NOT TESTED: ${name}.\n********\n`);
  }
  (there ? describe : describe.skip)(name, () => {
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
