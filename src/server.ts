import { once } from 'node:events';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { buildApp } from './app.js';
import type { Config } from './config.js';
import { createPool } from './database/create-pool.js';
import { Database } from './database/database.js';
import { databaseName } from './database/database-name.js';
import type { Pool } from './database/pool.js';
import { ENTITIES } from './entities.js';
import { createDemo, type Demo } from './explore/demo.js';
import { seedOnce } from './explore/demo-data.js';
import { urlOf } from './http/loopback.js';
import { INSTALLATION_SLOTS } from './installations/installation.reader.js';
import { describeError } from './observability/error-log.js';
import { VERSION } from './package.js';
import { sessionPassword } from './session/session-password.js';
import { SessionReader } from './session/session-reader.js';
import { DATABASE_DRAIN_TIMEOUT, DRAIN_TIMEOUT, OPEN_WAIT } from './timeouts.js';
import { USER_SLOTS } from './users/user.reader.js';

/** One for each statement that a reader may have under way, and one for probes. */
export const MAX_CONNECTIONS = [USER_SLOTS, ...Object.values(INSTALLATION_SLOTS)].reduce(
  (sum, { shared, isolated }) => sum + shared + isolated,
  1,
);

export interface RunningServer {
  /** Without a trailing slash. */
  url: string;
  /** `null`: no metrics. */
  metricsUrl: string | null;
  /** Settles when the database is reachable and migrated; until then the API answers 503. */
  ready: Promise<void>;
  /** `null`: not allowed. */
  demo: Demo | null;
  database: Database;
  /** Accepts requests for `config.shutdownDelay` seconds more, drains them, closes the database. */
  close(): Promise<void>;
}

export function createLog(config: Pick<Config, 'logLevel'>): FastifyBaseLogger {
  return pino({ level: config.logLevel, serializers: { err: describeError } });
}

/** Starts the application on its database. Signals and exits are handled in `main.ts`. */
export async function startServer(
  config: Config,
  log: FastifyBaseLogger = createLog(config),
): Promise<RunningServer> {
  const password = await sessionPassword(config);
  const passwords = [password, config.sessionPasswordPrevious].filter((text) => text !== null);
  const sessions = new SessionReader({ passwords, maxAge: config.sessionMaxAge });

  const pool = createPool(config, (error) => database.report(error), MAX_CONNECTIONS);
  const database = new Database(pool, log, ENTITIES);
  const demo = createDemo(config, { database, sessions, password });
  const app = await buildApp({ config, log, database, sessions, demo });
  // Only the embedded database is seeded: another one may hold real users.
  const ownDatabase = config.databaseUrl === null && config.environment !== 'production';
  const metrics = await listenForMetrics(pool, config);
  const ready = database.open({ wait: true, prepare: ownDatabase ? seedOnce : undefined });
  // GraphQL reports SERVICE_UNAVAILABLE with HTTP 200, which a load balancer takes for success: the port
  // opens once the database is reached, or after a limited wait.
  await Promise.race([ready, sleep(OPEN_WAIT, undefined, { ref: false })]);
  await listen(app, config);
  return {
    url: urlOf(app.server, config.host),
    metricsUrl: metrics && urlOf(metrics, config.host),
    ready,
    demo,
    database,
    async close() {
      database.stopOpening();
      // A client that withholds half a request must not keep the process alive.
      const drainTimeout = setTimeout(
        () => app.server.closeAllConnections(),
        config.shutdownDelay * 1000 + DRAIN_TIMEOUT,
      );
      await app.close();
      clearTimeout(drainTimeout);
      metrics?.close().closeAllConnections();
      await Promise.race([
        database.close(),
        sleep(DATABASE_DRAIN_TIMEOUT, undefined, { ref: false }),
      ]);
    },
  };
}

async function listen(app: FastifyInstance, config: Config): Promise<void> {
  const { host, port } = config;
  const name = `installations ${VERSION}, database ${databaseName(config)}`;
  const listenTextResolver = (address: string) => `${name}: Server listening at ${address}`;
  await app
    .listen({ host, port, listenTextResolver })
    .catch((error) => explain(error, host, 'PORT', port));
}

async function listenForMetrics(pool: Pool, { host, metricsPort }: Config): Promise<Server | null> {
  if (metricsPort === null) return null;
  const { createMetricsServer } = await import('./observability/metrics.js');
  const server = createMetricsServer(pool).listen(metricsPort, host);
  await once(server, 'listening').catch((error) =>
    explain(error, host, 'METRICS_PORT', metricsPort),
  );
  return server;
}

function explain(
  error: NodeJS.ErrnoException,
  host: string,
  variable: string,
  port: number,
): never {
  throw new Error(
    error.code === 'EADDRINUSE'
      ? `${host}:${port} is taken: stop what listens there, or set ${variable} to another`
      : `cannot listen on HOST ${host}, ${variable} ${port}: ${error.message}`,
  );
}
