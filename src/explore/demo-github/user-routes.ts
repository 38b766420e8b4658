import { createHash, randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { escaped, PAGE_POLICY, page } from '../../http/page.js';
import { GithubError } from './github-error.js';
import { accountJson, installationJson, repositoryJson } from './json.js';
import type { Account, App, UserToken } from './model.js';
import { type Page, pageOf } from './pages.js';
import type { World } from './world.js';

const AUTHORIZE_PATH = '/login/oauth/authorize';

interface Authorize {
  client_id?: string;
  redirect_uri?: string;
  state?: string;
  code_challenge?: string;
  code_challenge_method?: string;
  /** Not of GitHub's: who is signed in there. */
  as?: string;
}

/** How a user authorizes an App, and what the user's token may read. */
export function userRoutes(api: FastifyInstance, world: World): void {
  const codes = new Map<
    string,
    UserToken & { challenge: string | null; redirectUri: string | null }
  >();
  const tokens = world.userTokens;
  const appOfClient = (clientId: unknown) => world.apps.find((app) => app.clientId === clientId);

  api.get<{ Querystring: Authorize }>(AUTHORIZE_PATH, (request, reply) => {
    const { client_id, redirect_uri, state, as, ...pkce } = request.query;
    const app = appOfClient(client_id);
    if (!app || !redirect_uri) throw new GithubError(404, 'Not Found');
    const users = world.accounts.filter(({ type }) => type === 'User');
    const user = world.signedIn ?? users.find(({ login }) => login === as);
    if (!user)
      return reply
        .headers(PAGE_POLICY)
        .type('text/html; charset=utf-8')
        .send(chooserPage(app, request.url, users));
    const code = randomUUID().replaceAll('-', '').slice(0, 20);
    const challenge = pkce.code_challenge_method === 'S256' ? (pkce.code_challenge ?? null) : null;
    codes.set(code, { app, user, challenge, redirectUri: redirect_uri });
    const back = new URL(redirect_uri);
    back.searchParams.set('code', code);
    if (state !== undefined) back.searchParams.set('state', state);
    return reply.redirect(back.href);
  });

  // GitHub says of a mistake with status 200.
  api.post<{ Body: string }>('/login/oauth/access_token', (request) => {
    const { client_id, client_secret, code, code_verifier, redirect_uri } = bodyOf(request);
    const app = appOfClient(client_id);
    if (!app || app.clientSecret !== client_secret)
      return oauthError(
        'incorrect_client_credentials',
        'The client_id and/or client_secret passed are incorrect.',
      );
    const given = codes.get(String(code));
    codes.delete(String(code));
    const isMet =
      given?.app === app &&
      (given.challenge === null || given.challenge === challengeOf(String(code_verifier)));
    if (!isMet)
      return oauthError('bad_verification_code', 'The code passed is incorrect or expired.');
    if (redirect_uri !== undefined && given.redirectUri !== redirect_uri)
      return oauthError(
        'redirect_uri_mismatch',
        'The redirect_uri MUST match the registered callback URL for this application.',
      );
    const token = `ghu_${randomUUID().replaceAll('-', '')}`;
    tokens.set(token, { app, user: given.user });
    return { access_token: token, scope: '', token_type: 'bearer' };
  });

  api.delete<{ Params: { clientId: string } }>(
    '/applications/:clientId/token',
    (request, reply) => {
      const app = appOfClient(request.params.clientId);
      const [, basic = ''] = /^basic (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
      const credentials = Buffer.from(basic, 'base64').toString();
      if (!app || credentials !== `${app.clientId}:${app.clientSecret}`)
        throw new GithubError(404, 'Not Found');
      const { access_token } = bodyOf(request);
      if (tokens.get(String(access_token))?.app !== app) throw new GithubError(422, 'Not valid');
      tokens.delete(String(access_token));
      return reply.code(204).send();
    },
  );

  const grantOf = ({ headers }: FastifyRequest) => {
    const [, text = ''] = /^(?:token|bearer) (\S+)$/i.exec(headers.authorization ?? '') ?? [];
    const grant = tokens.get(text);
    if (!grant) throw new GithubError(401, 'Bad credentials');
    return grant;
  };

  api.get('/user', (request) => accountJson(grantOf(request).user));

  api.get<Page>('/user/installations', (request, reply) => {
    const { app, user } = grantOf(request);
    const all = world.installationsOf(app).filter((one) => world.isOpenTo(user, one));
    const installations = pageOf(all, request, reply, world.longestPage).map(installationJson);
    return { total_count: all.length, installations };
  });

  api.get<Page & { Params: { id: string } }>(
    '/user/installations/:id/repositories',
    (request, reply) => {
      const { app, user } = grantOf(request);
      const installation = world.installations.get(Number(request.params.id));
      if (installation?.app !== app || !world.isOpenTo(user, installation))
        throw new GithubError(404, 'Not Found');
      if (installation.suspendedAt)
        throw new GithubError(403, 'This installation has been suspended');
      const all = world.readableBy(user, installation);
      const repositories = pageOf(all, request, reply, world.longestPage).map(repositoryJson);
      return { total_count: all.length, repositories };
    },
  );
}

function bodyOf({ body }: { body: unknown }): Record<string, unknown> {
  try {
    return Object(JSON.parse(String(body)));
  } catch {
    return {};
  }
}

const oauthError = (error: string, error_description: string) => ({
  error,
  error_description,
  error_uri: 'https://docs.github.com/apps',
});

const challengeOf = (verifier: string) => createHash('sha256').update(verifier).digest('base64url');

function chooserPage(app: App, url: string, users: readonly Account[]): string {
  const links = users.map(({ login }) => {
    const href = escaped(`${url}&as=${encodeURIComponent(login)}`);
    return `<p><a href="${href}">Continue as ${escaped(login)}</a></p>`;
  });
  return page(
    'Demo GitHub',
    `<h1>Demo GitHub</h1>
<p class="quiet">${escaped(app.name)} asks for your permission to know who you are, and what you may see.</p>
${links.join('\n')}`,
  );
}
