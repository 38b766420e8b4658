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
import { DATABASE_DRAIN_TIMEOUT, DRAIN_TIMEOUT, HEAD_START } from './timeouts.js';
import { USER_SLOTS } from './users/user.reader.js';

/** One for each statement that a reader may have under way, and one for probes. */
export const MAX_CONNECTIONS = [USER_SLOTS, ...Object.values(INSTALLATION_SLOTS)].reduce(
  (sum, { shared, isolated }) => sum + shared + isolated,
  1,
);

export interface RunningServer {
  /** Where it listens, without a trailing slash. */
  url: string;
  /** The same of the metrics; `null`: they are off. */
  metricsUrl: string | null;
  /** Settles when the database is there and migrated; until then the API answers 503. */
  ready: Promise<void>;
  /** A sealed session of the demo user; `null`: nobody may have one. */
  demoSession: (() => Promise<string>) | null;
  database: Database;
  /** Takes requests for `config.shutdownDelay` more, ends those under way, then the database. */
  close(): Promise<void>;
}

export function createLog(config: Pick<Config, 'logLevel'>): FastifyBaseLogger {
  return pino({ level: config.logLevel, serializers: { err: describeError } });
}

/** Puts the application on its database and listens. The process itself belongs to `main.ts`. */
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

  const pool = createPool(
    config,
    (error) => log.warn({ err: error }, 'idle connection lost'),
    MAX_CONNECTIONS,
  );
  const database = new Database(pool, log, ENTITIES);
  const app = await buildApp({ config, log, database, sessions, demoSession: demo });
  // Only a database of our own is filled without being asked: another may hold real users.
  const ownDatabase = config.databaseUrl === null && config.environment !== 'production';
  const metrics = await listenForMetrics(pool, config);
  const ready = database.open({ wait: true, prepare: ownDatabase ? seedOnce : undefined });
  // GraphQL says SERVICE_UNAVAILABLE with HTTP 200, which a balancer takes for an answer: where the database
  // is there, nobody shall meet an instance that has not reached it yet.
  await Promise.race([ready, sleep(HEAD_START, undefined, { ref: false })]);
  await listen(app, config);
  return {
    url: baseUrl(app.server),
    metricsUrl: metrics && baseUrl(metrics),
    ready,
    demoSession: demo,
    database,
    async close() {
      // A client that keeps half a request back may not keep the process.
      const patience = setTimeout(
        () => app.server.closeAllConnections(),
        config.shutdownDelay * 1000 + DRAIN_TIMEOUT,
      );
      await app.close();
      clearTimeout(patience);
      metrics?.close().closeAllConnections();
      await Promise.race([
        database.close(),
        sleep(DATABASE_DRAIN_TIMEOUT, undefined, { ref: false }),
      ]);
    },
  };
}

/**
 * Whether anybody may become the demo user. Not in production, and as `NODE_ENV` is easily forgotten, not
 * where others can reach the port and a real user may have the demo user's id, or the web application may
 * take its session.
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
  // Not loaded where it is off.
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

/** An address that can be pasted: `0.0.0.0` listens everywhere, but is nowhere to call. */
function baseUrl(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  const anywhere = address === '0.0.0.0' || address === '::';
  const host = anywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  return `http://${host}:${port}`;
}
