import cors from '@fastify/cors';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { Config } from './config.js';
import type { Database } from './database/database.js';
import { createApolloServer } from './graphql/apollo-server.js';
import { CompiledOperations } from './graphql/compiled-operations.js';
import { graphqlRoutes } from './graphql/graphql.routes.js';
import { OperationsManifest } from './graphql/operations-manifest.js';
import { createSchema } from './graphql/schema.js';
import { DATA_POLICY } from './http/browser-policy.js';
import { clientErrorHandler, handleErrors, handleFrameworkError } from './http/errors.js';
import { healthRoutes } from './http/health.js';
import { refuseBrokenHosts } from './http/host.js';
import { limitRates, RATE_LIMIT_HEADERS } from './http/rate-limit.js';
import { RequestLog, requestId } from './http/request-log.js';
import { shedLoad } from './http/shed-load.js';
import { openApiRoutes } from './installations/installation.openapi.js';
import { InstallationReader } from './installations/installation.reader.js';
import { installationRoutes } from './installations/installation.routes.js';
import { type Context, createContextBuilder } from './session/context.js';
import { SESSION_HEADER, SESSION_HEADERS } from './session/session-cookie.js';
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
  database: Pick<Database, 'query' | 'tableOf' | 'reachable' | 'notReadyReason'>;
  sessions: SessionReader;
  /** Makes a sealed session of the demo user; `null`: no sign-in link. */
  demoSession: (() => Promise<string>) | null;
}

/** Builds the application. It does not close its dependencies. */
export async function buildApp(dependencies: AppDependencies): Promise<FastifyInstance> {
  const { config, log, database, sessions, demoSession } = dependencies;
  const app: FastifyInstance = fastify({
    loggerInstance: log,
    logController: new RequestLog(),
    genReqId: requestId,
    trustProxy: config.trustProxy.length > 0 ? config.trustProxy : false,
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    http: {
      headersTimeout: REQUEST_TIMEOUT,
      connectionsCheckingInterval: REQUEST_TIMEOUT_INTERVAL,
      // Makes a second Host visible (RFC 9112 §3.2), which Node.js would drop.
      joinDuplicateHeaders: true,
    },
    requestTimeout: REQUEST_TIMEOUT,
    connectionTimeout: SILENCE_TIMEOUT,
    // It would apply to shutdown hooks too, which server.ts limits.
    pluginTimeout: 0,
    // Requests are served until the last connection is closed: see http/connections.ts.
    return503OnClosing: false,
    frameworkErrors: handleFrameworkError,
    clientErrorHandler,
  });
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id).headers(DATA_POLICY);
    done();
  });
  refuseBrokenHosts(app);
  handleErrors(app);
  if (config.corsOrigins.length > 0) {
    await app.register(cors, {
      origin: config.corsOrigins,
      credentials: true,
      allowedHeaders: ['content-type', 'if-none-match', 'apollo-require-preflight', SESSION_HEADER],
      maxAge: 7200,
      exposedHeaders: ['etag', 'retry-after', 'x-request-id', ...RATE_LIMIT_HEADERS],
      strictPreflight: false,
      preflightContinue: true,
    });
  }

  const installations = new InstallationReader(database);
  const schema = createSchema({ users: new UserReader(database), installations });
  const compiled = new CompiledOperations(schema, log);
  const apollo = createApolloServer({ schema, compiled, logger: log, ide: config.graphqlIde });
  const manifest = config.operations && new OperationsManifest(config.operations);
  await apollo.start();
  app.addHook('onClose', () => apollo.stop());

  await app.register(async (api) => {
    const contexts = createContextBuilder(sessions);
    api.decorateRequest('context');
    api.decorateRequest('bringsSeal', false);
    api.addHook('onRequest', (request, reply, done) => {
      // Set for errors too, which also depend on the session.
      const vary = reply.hasHeader('vary') ? `${reply.getHeader('vary')}, ` : '';
      reply.header('vary', `${vary}${SESSION_HEADERS}`);
      reply.header('cache-control', 'private, no-store');
      const known = contexts.remembered(request);
      request.context = known ?? contexts.anonymous(request);
      request.bringsSeal = known === null;
      done();
    });
    shedLoad(api);
    // Before a seal is opened, which costs milliseconds.
    await limitRates(api, { signedIn: config.rateLimit, anonymous: config.rateLimitAnonymous });
    api.addHook('preValidation', (request, _reply, done) => {
      if (!request.bringsSeal) return done();
      contexts.opened(request).then((context) => {
        request.context = context;
        done();
      }, done);
    });
    installationRoutes(api, installations);
    await api.register(async (scope) => graphqlRoutes(scope, apollo, compiled, manifest));
  });
  openApiRoutes(app);
  healthRoutes(app, { database });
  if (config.graphqlIde) {
    // Loaded only if enabled: it takes about 10 MB.
    const { exploreRoutes } = await import('./explore/explore.routes.js');
    await exploreRoutes(app, demoSession);
  }
  return app;
}
