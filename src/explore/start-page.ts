import { createHash } from 'node:crypto';
import { IDE_PATH } from '../graphql/sandbox.js';
import { browserPolicy } from '../http/browser-policy.js';
import { VERSION } from '../package.js';
import type { DemoUser } from './demo-data.js';
import { SIGN_IN_PATH, SIGN_OUT_PATH } from './sign-in.routes.js';

export const README_PATH = '/README.md';

export interface StartPageContent {
  /** Whose session the browser has. */
  viewer: string | null;
  /** `null`: not offered. */
  signIn: { users: DemoUser[]; anyUser: boolean } | null;
}

const STYLE = `
:root { color-scheme: light dark; --line: #d5d9e0; --quiet: #59636e; --panel: #f5f7f9; --link: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3b424c; --quiet: #9ba5b0; --panel: #1c2128; --link: #79b8ff; }
  body { background: #12161b; color: #e6e9ed; }
}
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 2rem 1rem; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
p { margin: .25rem 0; }
dt { font-weight: 600; }
a { color: var(--link); }
code { font: .9em ui-monospace, monospace; }
a, b, code { overflow-wrap: anywhere; }
.quiet, dd { color: var(--quiet); }
.viewer { margin-top: 1.5rem; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--panel); display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center;
  justify-content: space-between; }
dl { margin: 0; border-top: 1px solid var(--line); }
dl div { display: grid; grid-template-columns: 14rem 1fr; gap: 0 1rem; padding: .5rem 0;
  border-bottom: 1px solid var(--line); }
dd { margin: 0; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .75rem 0 0; }
.viewer form { margin: 0; }
input { flex: 1 1 8rem; min-width: 0; }
input, button { font: inherit; color: inherit; background: transparent; padding: .3rem .7rem;
  border: 1px solid var(--line); border-radius: .4rem; }
button { background: var(--panel); cursor: pointer; }
.viewer button { background: transparent; }
::placeholder { color: var(--quiet); }
@media (max-width: 36rem) { dl div { grid-template-columns: 1fr; } }
`;

/** Nothing but its own style, and forms to this server. */
export const START_PAGE_POLICY = browserPolicy({
  styleSrc: [`'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`],
  imgSrc: ['data:'],
  baseUri: ["'none'"],
  formAction: ["'self'"],
});

/** Without scripts. */
export function startPage({ viewer, signIn }: StartPageContent): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GitHub App installations</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>GitHub App installations</h1>
<p class="quiet">Version ${escaped(VERSION)}, in development</p>
${viewerPanel(viewer, signIn !== null)}
${signInSection(signIn)}
<h2>Explore</h2>
${list([
  [link(IDE_PATH, 'Offline IDE'), 'GraphQL, without the internet'],
  [link('/graphql', 'Apollo Sandbox'), 'GraphQL, loaded from Apollo’s servers'],
  rest(viewer),
])}
<h2>Look up</h2>
${list([
  [link('/openapi.json', 'OpenAPI'), 'the REST API'],
  [link('/schema.graphql', 'Schema'), 'the GraphQL API'],
  [link(README_PATH, 'README'), 'calls, configuration and commands'],
])}
</main>
</body>
</html>
`;
}

function viewerPanel(viewer: string | null, signsOut: boolean): string {
  if (viewer === null) return '<div class="viewer"><span>Not signed in</span></div>';
  const button = signsOut ? `<form action="${SIGN_OUT_PATH}"><button>Sign out</button></form>` : '';
  return `<div class="viewer"><span>Signed in as <b>${escaped(viewer)}</b></span>${button}</div>`;
}

function signInSection(signIn: StartPageContent['signIn']): string {
  if (signIn === null)
    return `<p class="quiet">Sign in with the web application; <code>npm run cli -- session --user ID</code>
makes a cookie for curl.</p>`;
  const { users, anyUser } = signIn;
  const rows = users.map(({ id, githubInstallationIds: { length } }): [string, string] => [
    link(`${SIGN_IN_PATH}?user=${encodeURIComponent(id)}`, id),
    length === 0 ? 'no installations' : `${length.toLocaleString('en')} installations`,
  ]);
  const none = `<p class="quiet">The database holds no demo users, or is <a href="/ready">not ready</a>.
<code>npm run cli -- seed</code> adds them to tables of this server.</p>`;
  const form = `<form action="${SIGN_IN_PATH}"><label for="user">Any user</label>
<input id="user" name="user" required maxlength="512" autocomplete="off" placeholder="user id">
<button>Sign in</button></form>`;
  return `<h2>Sign in as</h2>
${rows.length > 0 ? list(rows) : none}
${anyUser ? form : ''}`;
}

function rest(viewer: string | null): [string, string] {
  if (viewer === null)
    return ['REST', '<code>/api/users/{user_id}/installations</code>, signed in'];
  // Half a surrogate pair, which JSON may hold, has no place in a URL.
  const path = `/api/users/${encodeURIComponent(viewer.toWellFormed())}/installations`;
  return [link(path, 'REST'), `<code>${escaped(path)}</code>`];
}

function list(rows: [term: string, description: string][]): string {
  const items = rows.map(([term, text]) => `<div><dt>${term}</dt><dd>${text}</dd></div>`);
  return `<dl>\n${items.join('\n')}\n</dl>`;
}

const link = (path: string, text: string) => `<a href="${escaped(path)}">${escaped(text)}</a>`;

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
