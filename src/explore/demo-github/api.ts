import { randomUUID } from 'node:crypto';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { deliveryJson, isSuccess } from './deliveries.js';
import { GithubError } from './github-error.js';
import {
  accountJson,
  appJson,
  installationJson,
  repositoryJson,
  requestJson,
  timeText,
} from './json.js';
import { appOfJwt } from './jwt.js';
import type { App, Installation } from './model.js';
import { type Page, pageOf, setNext } from './pages.js';
import { userRoutes } from './user-routes.js';
import type { World } from './world.js';

type ById = { Params: { id: string } };

interface Token {
  installation: Installation;
  expiresAt: Date;
}

/** Milliseconds. */
const TOKEN_LIFETIME = 3_600_000;
const RATE_LIMIT = 5000;
const DOCUMENTATION = 'https://docs.github.com/rest';

/** The endpoints of GitHub's REST API that an App uses. Tests add hooks that make them fail. */
export function createApi(world: World): FastifyInstance {
  const tokens = new Map<string, Token>();
  const api = fastify({
    forceCloseConnections: true,
    // An Enterprise Server has its API there.
    rewriteUrl: ({ url = '' }) => url.replace(/^\/api\/v3(?=\/)/, ''),
  });
  // Bodies say nothing that is needed here, and some are empty.
  api.removeAllContentTypeParsers();
  api.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  api.addHook('onRequest', (_request, reply, done) => {
    reply.headers({
      date: world.now().toUTCString(),
      'x-github-request-id': randomUUID(),
      'x-ratelimit-limit': RATE_LIMIT,
      'x-ratelimit-remaining': RATE_LIMIT - 1,
      'x-ratelimit-used': 1,
      'x-ratelimit-reset': Math.ceil(Date.now() / 1000) + 3600,
      'x-ratelimit-resource': 'core',
    });
    done();
  });
  const refuse = (error: Error, reply: FastifyReply) => {
    const status = error instanceof GithubError ? error.status : 500;
    const { message } = error;
    return reply
      .code(status)
      .send({ message, documentation_url: DOCUMENTATION, status: `${status}` });
  };
  api.setErrorHandler<Error>((error, _request, reply) => refuse(error, reply));
  api.setNotFoundHandler((_request, reply) => refuse(new GithubError(404, 'Not Found'), reply));

  const appOf = ({ headers }: FastifyRequest) =>
    appOfJwt(headers.authorization ?? '', world.apps, world.now());

  /** @throws {GithubError} 404: it is not there, or another App's */
  const installationOf = (request: FastifyRequest<ById>) => {
    const app = appOf(request);
    const installation = world.installations.get(Number(request.params.id));
    if (installation?.app !== app) throw new GithubError(404, 'Not Found');
    return installation;
  };

  const installationOfToken = ({ headers }: FastifyRequest) => {
    const [, text = ''] = /^(?:token|bearer) (\S+)$/i.exec(headers.authorization ?? '') ?? [];
    const token = tokens.get(text);
    const isValid = token && token.expiresAt > world.now();
    if (!isValid || !world.installations.has(token.installation.id))
      throw new GithubError(401, 'Bad credentials');
    refuseSuspended(token.installation);
    return token.installation;
  };

  api.get('/app', (request) => {
    const app = appOf(request);
    return appJson(app, world.installationsOf(app).length);
  });

  api.get<Page>('/app/installations', (request, reply) =>
    pageOf(world.installationsOf(appOf(request)), request, reply, world.longestPage).map(
      installationJson,
    ),
  );

  api.get<ById>('/app/installations/:id', (request) => installationJson(installationOf(request)));

  api.post<ById>('/app/installations/:id/access_tokens', (request, reply) => {
    const installation = installationOf(request);
    refuseSuspended(installation);
    const token = `ghs_${randomUUID().replaceAll('-', '')}`;
    const expiresAt = new Date(world.now().getTime() + TOKEN_LIFETIME);
    tokens.set(token, { installation, expiresAt });
    const { permissions, selected } = installation;
    const repository_selection = selected ? 'selected' : 'all';
    reply.code(201);
    return { token, expires_at: timeText(expiresAt), permissions, repository_selection };
  });

  api.get<Page>('/installation/repositories', (request, reply) => {
    const installation = installationOfToken(request);
    const reached = world.reached(installation);
    return {
      total_count: reached.length,
      repository_selection: installation.selected ? 'selected' : 'all',
      repositories: pageOf(reached, request, reply, world.longestPage).map(repositoryJson),
    };
  });

  api.get<Page & { Params: { organization: string } }>(
    '/orgs/:organization/members',
    (request, reply) => {
      const { account, permissions } = installationOfToken(request);
      if (!permissions.members)
        throw new GithubError(403, 'Resource not accessible by integration');
      if (account.login !== request.params.organization) throw new GithubError(404, 'Not Found');
      const members = [...world.membersOf(account)];
      return pageOf(members, request, reply, world.longestPage).map(accountJson);
    },
  );

  api.get<Page>('/app/installation-requests', (request, reply) => {
    const app = appOf(request);
    const requests = world.requests.filter((one) => one.app === app);
    return pageOf(requests, request, reply, world.longestPage).map(requestJson);
  });

  hookRoutes(api, world, appOf);
  userRoutes(api, world);
  return api;
}

function hookRoutes(
  api: FastifyInstance,
  { deliveries }: World,
  appOf: (request: FastifyRequest) => App,
): void {
  api.get('/app/hook/config', (request) => {
    const { webhook } = appOf(request);
    const secret = webhook && { secret: '********' };
    return { content_type: 'json', insecure_ssl: '0', url: webhook?.url ?? '', ...secret };
  });

  api.get<{ Querystring: Record<string, string | undefined> }>(
    '/app/hook/deliveries',
    (request, reply) => {
      const app = appOf(request);
      const { per_page = '30', cursor, status } = request.query;
      const listed = deliveries.log
        .filter((delivery) => delivery.app === app && delivery.statusCode !== null)
        .filter((delivery) => !status || isSuccess(delivery) === (status === 'success'))
        .filter(({ id }) => !cursor || BigInt(id) <= BigInt(cursor.slice('v1_'.length)))
        .reverse();
      const next = listed[Number(per_page)];
      if (next) setNext(request, reply, { cursor: `v1_${next.id}` });
      // JavaScript's own JSON has no numbers that large.
      const page = listed
        .slice(0, Number(per_page))
        .map(
          (delivery) => `{"id":${delivery.id},${JSON.stringify(deliveryJson(delivery)).slice(1)}`,
        );
      return reply.type('application/json; charset=utf-8').send(`[${page.join()}]`);
    },
  );

  api.post<ById>('/app/hook/deliveries/:id/attempts', (request, reply) => {
    if (!deliveries.redeliver(appOf(request), request.params.id))
      throw new GithubError(404, 'Not Found');
    reply.code(202);
    return {};
  });
}

/** @throws {GithubError} */
function refuseSuspended({ suspendedAt }: Installation): void {
  if (suspendedAt) throw new GithubError(403, 'This installation has been suspended');
}
