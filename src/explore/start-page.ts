import { IDE_PATH } from '../graphql/sandbox.js';
import { escaped, page } from '../http/page.js';
import { VERSION } from '../package.js';
import type { DemoUser } from './demo-data.js';
import { SIGN_IN_PATH, SIGN_OUT_PATH } from './sign-in.routes.js';

export const README_PATH = '/README.md';

export interface StartPageContent {
  /** Whose session the browser has. */
  viewer: string | null;
  /** `null`: not offered. */
  signIn: { users: DemoUser[]; anyUser: boolean } | null;
  /** Where the viewer connects with GitHub; `null`: not offered. */
  connectPath: string | null;
}

/** Without scripts. */
export function startPage({ viewer, signIn, connectPath }: StartPageContent): string {
  return page(
    'GitHub App installations',
    `<h1>GitHub App installations</h1>
<p class="quiet">Version ${escaped(VERSION)}, in development</p>
${viewerPanel(viewer, signIn !== null)}
${signInSection(signIn)}
<h2>Explore</h2>
${list([
  ...connect(viewer, connectPath),
  [link(IDE_PATH, 'Offline IDE'), 'GraphQL, without the internet'],
  [link('/graphql', 'Apollo Sandbox'), 'GraphQL, loaded from Apollo’s servers'],
  rest(viewer),
])}
<h2>Look up</h2>
${list([
  [link('/openapi.json', 'OpenAPI'), 'the REST API'],
  [link('/schema.graphql', 'Schema'), 'the GraphQL API'],
  [link(README_PATH, 'README'), 'calls, configuration and commands'],
])}`,
  );
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

function connect(viewer: string | null, path: string | null): [string, string][] {
  if (path === null) return [];
  const name = 'Connect GitHub';
  return [
    [viewer === null ? name : link(path, name), 'to see what GitHub lists to you, signed in'],
  ];
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
