import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { DataSource } from 'typeorm';
import type { Config } from './config.js';
import type { ReaderDatabase } from './database/batched-reader.js';
import type { Database } from './database/database.js';
import { EvidenceReader } from './evidence/evidence.reader.js';
import type { Demo } from './explore/demo.js';
import { keepToOneName } from './explore/one-name.js';
import { START_PATH } from './explore/sign-in.routes.js';
import { startPageRoutes } from './explore/start-page.routes.js';
import type { DescribedApp } from './github/app-description.js';
import type { Connecting } from './github/connect/connecting.js';
import { CONNECT_PATH } from './github/connect/pages.js';
import type { WebhookOptions } from './github/webhook.routes.js';
import { createApolloServer } from './graphql/apollo-server.js';
import { CompiledOperations } from './graphql/compiled-operations.js';
import { graphqlRoutes, schemaRoute } from './graphql/graphql.routes.js';
import { OperationsManifest } from './graphql/operations-manifest.js';
import { createSchema } from './graphql/schema.js';
import { DATA_POLICY } from './http/browser-policy.js';
import { memberOf } from './http/client-address.js';
import { allowOrigins } from './http/cors.js';
import { earlyErrorHandlers } from './http/early-errors.js';
import { handleErrors, keepPrivate } from './http/errors.js';
import { healthRoutes } from './http/health.js';
import { keepInTurn } from './http/pipelining.js';
import { checkProtocol } from './http/protocol.js';
import { limitRates } from './http/rate-limit.js';
import { explainRejections } from './http/rejected-sessions.js';
import { idOf, RequestLog } from './http/request-log.js';
import { shedLoad } from './http/shed-load.js';
import { limitUnsentAnswers } from './http/unsent-answers.js';
import { InstallationReader } from './installations/installation.reader.js';
import { installationRoutes } from './installations/installation.routes.js';
import { unlinkRoutes } from './installations/unlink.routes.js';
import { Unlinking } from './installations/unlinking.js';
import { openApiRoutes } from './openapi.js';
import { ImportReader } from './repositories/imports.js';
import { importRoutes } from './repositories/imports.routes.js';
import { RepositoryReader } from './repositories/repository.reader.js';
import { type Context, createContextBuilder } from './session/context.js';
import type { SessionReader } from './session/session-reader.js';
import { REQUEST_TIMEOUT, REQUEST_TIMEOUT_INTERVAL, SILENCE_TIMEOUT } from './timeouts.js';
import { UserReader } from './users/user.reader.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before any handler of the API runs. */
    context: Context;
    /** Whether its seal must still be opened. */
    bringsSeal: boolean;
  }
}

/** Bytes. A body holds a query and its variables. */
const BODY_LIMIT = 1024 * 1024;
/** Characters. The access rule refuses a long user id as it does any other, not the router. */
const MAX_PARAM_LENGTH = 16 * 1024;

export interface AppDependencies {
  config: Config;
  log: FastifyBaseLogger;
  database: ReaderDatabase & Pick<Database, 'check' | 'notReadyReason'>;
  /** What writes uses other connections than what reads, where there are several. */
  writes: DataSource;
  sessions: SessionReader;
  /** `null`: no sign-in without the web application. */
  demo: Demo | null;
  /** `null`: GitHub sends nothing. */
  webhooks: WebhookOptions | null;
  /** `null`: users cannot connect. */
  connecting: Connecting | null;
  /** `null`: nothing is known of the App. */
  describedApp: () => DescribedApp | null;
}

export function hasStartPage({ graphqlIde, environment }: Config): boolean {
  return graphqlIde && environment !== 'production';
}

/** Builds the application. It does not close its dependencies. */
export async function buildApp(dependencies: AppDependencies): Promise<FastifyInstance> {
  const { config, log, database, writes, sessions, demo, webhooks, connecting } = dependencies;
  const { describedApp } = dependencies;
  const app: FastifyInstance = fastify({
    loggerInstance: log,
    logController: new RequestLog(),
    genReqId: idOf,
    // A function, as Fastify's own does not know an address that is written with its port.
    trustProxy: config.trustProxy.length > 0 && memberOf(config.trustProxy),
    bodyLimit: BODY_LIMIT,
    routerOptions: {
      maxParamLength: MAX_PARAM_LENGTH,
      // As clients join URLs.
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
    },
    http: {
      headersTimeout: REQUEST_TIMEOUT,
      connectionsCheckingInterval: REQUEST_TIMEOUT_INTERVAL,
      // Makes a second Host visible (RFC 9112 §3.2), which Node.js would drop.
      joinDuplicateHeaders: true,
      // A missing Host is refused in the documented form.
      requireHostHeader: false,
    },
    requestTimeout: REQUEST_TIMEOUT,
    connectionTimeout: SILENCE_TIMEOUT,
    keepAliveTimeout: config.keepAliveTimeout * 1000,
    // It would apply to shutdown hooks too, which server.ts limits.
    pluginTimeout: 0,
    // Requests are served until the last connection is closed: see http/connections.ts.
    return503OnClosing: false,
    ...earlyErrorHandlers(config.corsOrigins),
  });
  keepInTurn(app);
  limitUnsentAnswers(app);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id).headers(DATA_POLICY);
    done();
  });
  handleErrors(app);
  // Before all that may refuse a request, so that pages can read why.
  await allowOrigins(app, config.corsOrigins);
  checkProtocol(app);
  const explorable = hasStartPage(config);
  if (explorable) keepToOneName(app, config.host);

  const installations = new InstallationReader(database);
  const repositories = new RepositoryReader(database);
  const unlinking = new Unlinking({ database, dataSource: writes });
  const connectUrl = connecting && `${config.github?.publicUrl ?? ''}${CONNECT_PATH}`;
  const schema = createSchema({
    users: new UserReader(database),
    installations,
    repositories,
    unlinking,
    evidence: new EvidenceReader(database, config.github?.allowedAccounts ?? null),
    appNow: () => {
      const described = describedApp();
      return described && { ...described, connectUrl };
    },
  });
  const compiled = new CompiledOperations(schema, log);
  const apollo = createApolloServer({
    schema,
    compiled,
    logger: log,
    ide: config.graphqlIde,
    origins: config.corsOrigins,
  });
  const manifest = config.operations && new OperationsManifest(config.operations);
  await apollo.start();
  app.addHook('onClose', () => apollo.stop());

  await app.register(async (api) => {
    const contexts = createContextBuilder(sessions);
    api.decorateRequest('context');
    api.decorateRequest('bringsSeal', false);
    api.addHook('onRequest', (request, reply, done) => {
      keepPrivate(reply);
      const known = contexts.remembered(request);
      request.context = known ?? contexts.anonymous(request);
      // A CORS preflight (Fetch §4.8) carries no cookie; its route needs none.
      request.bringsSeal = known === null && request.method !== 'OPTIONS';
      done();
    });
    shedLoad(api);
    const limits = { signedIn: config.rateLimit, anonymous: config.rateLimitAnonymous };
    const callerOf = await limitRates(api, limits);
    // Before the rate limit, which counts for the user of a valid session, else for the address. After the routes have
    // refused other methods.
    api.addHook('preParsing', (request, _reply, _payload, done) => {
      if (!request.bringsSeal) return done();
      contexts
        .opened(request, () => callerOf(request))
        .then((context) => {
          request.context = context;
          done();
        }, done);
    });
    if (config.environment !== 'production') explainRejections(api);
    const origins = config.corsOrigins;
    installationRoutes(api, installations);
    importRoutes(api, installations, new ImportReader(database, repositories));
    await api.register(async (scope) => unlinkRoutes(scope, unlinking, origins));
    await api.register(async (scope) =>
      graphqlRoutes(scope, { apollo, compiled, manifest, origins }),
    );
    if (explorable) startPageRoutes(api, demo, connecting && CONNECT_PATH);
    if (connecting && config.github) {
      // Loaded only if enabled.
      const { connectRoutes } = await import('./github/connect/connect.routes.js');
      const { publicUrl, returnUrl, url: githubUrl } = config.github;
      const signInUrl = explorable && demo ? START_PATH : null;
      const installUrl = () => describedApp()?.installUrl ?? null;
      const urls = { publicUrl, returnUrl, githubUrl, signInUrl, installUrl };
      const options = { connecting, origins, ...urls };
      await api.register(async (scope) => connectRoutes(scope, options));
    }
  });
  if (webhooks) {
    // Loaded only if enabled.
    const { webhookRoutes } = await import('./github/webhook.routes.js');
    await app.register(async (scope) => webhookRoutes(scope, webhooks));
  }
  openApiRoutes(app);
  healthRoutes(app, { database });
  if (config.graphqlIde) {
    schemaRoute(app, schema);
    // Loaded only if enabled: it takes about 10 MB.
    const { exploreRoutes } = await import('./explore/explore.routes.js');
    await exploreRoutes(app, demo);
  }
  return app;
}
