import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { buildApp } from './app.js';
import type { Config } from './config.js';
import { createPool } from './database/create-pool.js';
import { Database } from './database/database.js';
import type { Pool } from './database/pool.js';
import { ENTITIES } from './entities.js';
import { DEMO_USER, seedOnce } from './explore/demo-data.js';
import { INSTALLATION_SLOTS } from './installations/installation.reader.js';
import { describeError } from './observability/error-log.js';
import { demoSession } from './session/demo-session.js';
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
  /** Makes a sealed session of the demo user; `null`: not allowed. */
  demoSession: (() => Promise<string>) | null;
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
  const demo = allowsDemo(config)
    ? () => demoSession(config.dataDirectory, sessions, DEMO_USER, password)
    : null;

  const pool = createPool(config, (error) => database.report(error), MAX_CONNECTIONS);
  const database = new Database(pool, log, ENTITIES);
  const app = await buildApp({ config, log, database, sessions, demoSession: demo });
  // Only the embedded database is seeded: another one may hold real users.
  const ownDatabase = config.databaseUrl === null && config.environment !== 'production';
  const metrics = await listenForMetrics(pool, config);
  const ready = database.open({ wait: true, prepare: ownDatabase ? seedOnce : undefined });
  // GraphQL reports SERVICE_UNAVAILABLE with HTTP 200, which a load balancer takes for success: the port
  // opens once the database is reached, or after a limited wait.
  await Promise.race([ready, sleep(OPEN_WAIT, undefined, { ref: false })]);
  await listen(app, config);
  return {
    url: baseUrl(app.server),
    metricsUrl: metrics && baseUrl(metrics),
    ready,
    demoSession: demo,
    database,
    async close() {
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

/**
 * Whether a demo sign-in is offered: not in production. As `NODE_ENV` is easily forgotten, nor on a port
 * that others can reach, if its users or its password may be real.
 */
function allowsDemo({
  environment,
  databaseUrl,
  sessionPassword,
  host,
  trustProxy,
}: Config): boolean {
  const reachable = !/^(127\.|::1$|localhost$)/.test(host) || trustProxy.length > 0;
  const worthless = databaseUrl === null && sessionPassword === null;
  return environment !== 'production' && (worthless || !reachable);
}

async function listen(app: FastifyInstance, { host, port }: Config): Promise<void> {
  await app.listen({ host, port }).catch((error) => explain(error, host, 'PORT', port));
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

/** `0.0.0.0` is an address to listen on, not one to connect to. */
function baseUrl(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  const anywhere = address === '0.0.0.0' || address === '::';
  const host = anywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  return `http://${host}:${port}`;
}
