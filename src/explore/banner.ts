import { IDE_PATH } from '../graphql/sandbox.js';
import { isLoopback } from '../http/loopback.js';
import { VERSION } from '../package.js';
import { SESSION_COOKIE } from '../session/session-cookie.js';
import { SIGN_IN_PATH, START_PATH } from './sign-in.routes.js';

export interface BannerOptions {
  url: string;
  /** Which database it is. */
  database: string;
  ide: boolean;
  startPage: boolean;
  /** The demo user and its sealed session; `null`: no demo sign-in. */
  demo: { userId: string; session: string } | null;
}

export function banner({ url, database, ide, startPage, demo }: BannerOptions): string {
  const lines = [
    '',
    `  GitHub App installations ${VERSION}, ready at ${url}`,
    '',
    `  Database     ${database}`,
    `  GraphQL      ${url}/graphql`,
    `  REST         ${url}/api/users/{user_id}/installations   (${url}/openapi.json)`,
  ];
  if (startPage) lines.push(`  Start page   ${url}${START_PATH}   in a browser`);
  if (ide) {
    lines.push(
      `  Sandbox      ${url}/graphql   in a browser; needs the internet`,
      `  Offline IDE  ${url}${IDE_PATH}`,
    );
  }
  if (demo) {
    const rest = `${url}/api/users/${demo.userId}/installations`;
    if (ide && isLoopback(new URL(url).hostname))
      lines.push(`  Sign in      ${url}${SIGN_IN_PATH}   as ${demo.userId}, then explore`);
    lines.push('', 'Try it:', '', `curl -s -b '${SESSION_COOKIE}=${demo.session}' ${rest}`);
  }
  return `${lines.join('\n')}\n`;
}
