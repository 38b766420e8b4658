import { SESSION_COOKIE } from '../session/session-cookie.js';
import { IDE_PATH, SIGN_IN_PATH } from './explore.routes.js';

export interface BannerOptions {
  url: string;
  ide: boolean;
  /** The demo user and its sealed session; `null`: no demo sign-in. */
  demo: { userId: string; session: string } | null;
}

export function banner({ url, ide, demo }: BannerOptions): string {
  const lines = [
    '',
    `  GitHub App installations, ready at ${url}`,
    '',
    `  GraphQL      ${url}/graphql`,
    `  REST         ${url}/api/users/{user_id}/installations   (${url}/openapi.json)`,
  ];
  if (ide) {
    lines.push(
      `  Sandbox      ${url}/graphql   in a browser; needs the internet`,
      `  Offline IDE  ${url}${IDE_PATH}`,
    );
  }
  if (demo) {
    const rest = `${url}/api/users/${demo.userId}/installations`;
    if (ide) lines.push(`  Sign in      ${url}${SIGN_IN_PATH}   as ${demo.userId}, then explore`);
    lines.push('', 'Try it:', '', `curl -s -b '${SESSION_COOKIE}=${demo.session}' ${rest}`);
  }
  return `${lines.join('\n')}\n`;
}
