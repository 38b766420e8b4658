import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { pino } from 'pino';
import type { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { buildApp } from './app.js';
import type { Config } from './config.js';
import { createPool } from './database/create-pool.js';
import { createDataSource } from './database/data-source.js';
import { Database } from './database/database.js';
import { databaseName } from './database/database-name.js';
import type { Pool } from './database/pool.js';
import { ENTITIES } from './entities.js';
import { EVIDENCE_SLOTS } from './evidence/evidence.reader.js';
import { createDemo, type Demo } from './explore/demo.js';
import { seedOnce } from './explore/demo-data.js';
import type { Github } from './github/github.js';
import { Connections } from './http/connections.js';
import { explain, listenOnAll } from './http/listen.js';
import { urlOf } from './http/loopback.js';
import { INSTALLATION_SLOTS } from './installations/installation.reader.js';
import { describeError } from './observability/error-log.js';
import { LogOutput } from './observability/log-output.js';
import { VERSION } from './package.js';
import { IMPORT_SLOTS } from './repositories/imports.js';
import { REPOSITORY_SLOTS } from './repositories/repository.reader.js';
import { sessionPassword } from './session/session-password.js';
import { SessionReader } from './session/session-reader.js';
import {
  DATABASE_DRAIN_TIMEOUT,
  DELIVERY_LOCK_TIMEOUT,
  OPEN_WAIT,
  WRITE_SILENCE_TIMEOUT,
} from './timeouts.js';
import { USER_SLOTS } from './users/user.reader.js';

/** One for each statement that a reader may have under way, and one for probes. */
export const MAX_CONNECTIONS = [
  USER_SLOTS,
  REPOSITORY_SLOTS,
  IMPORT_SLOTS,
  EVIDENCE_SLOTS,
  ...Object.values(INSTALLATION_SLOTS),
].reduce((sum, { shared, isolated }) => sum + shared + isolated, 1);

/** Of what writes, beside those. */
export const WRITE_CONNECTIONS = 4;

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
  /**
   * Accepts requests for `config.shutdownDelay` seconds more, drains them, closes the database.
   * @param idleTimeout milliseconds that idle connections are kept for one more request; default: 0
   */
  close(idleTimeout?: number): Promise<void>;
}

export function createLog(
  config: Pick<Config, 'logLevel'>,
  output = new LogOutput(),
): FastifyBaseLogger {
  const log = pino({ level: config.logLevel, serializers: { err: describeError } }, output);
  output.onResume = (lines) =>
    log.error({ lines }, 'lines of this log were lost: standard output could not be written');
  return log;
}

/** Starts the application on its database. Signals and exits are handled in `main.ts`. */
export async function startServer(
  config: Config,
  log: FastifyBaseLogger = createLog(config),
): Promise<RunningServer> {
  const password = await sessionPassword(config);
  const passwords = [password, config.sessionPasswordPrevious].filter((text) => text !== null);

  const pool = createPool(config, (error) => database.report(error), MAX_CONNECTIONS);
  const database = new Database(pool, log, ENTITIES);
  // The embedded database has one connection.
  const writePool = config.databaseUrl === null ? null : createWritePool(config);
  const writes = writePool ? createDataSource(writePool, ENTITIES) : database.dataSource;
  const github = await createGithub(config, writes, database, log);
  const sessions = new SessionReader({
    passwords,
    maxAge: config.sessionMaxAge,
    ...(github && { onUser: (userId, githubId) => github.see(userId, githubId) }),
  });
  const demo = createDemo(config, { database, sessions, password });
  const webhooks = github?.webhooks ?? null;
  const connecting = github?.connecting ?? null;
  const describedApp = () => github?.app ?? null;
  const outside = { demo, webhooks, connecting, describedApp };
  const app = await buildApp({ config, log, database, writes, sessions, ...outside });
  const connections = new Connections(app, config.shutdownDelay * 1000);
  // Only the embedded database is seeded: another one may hold real users.
  const ownDatabase = config.databaseUrl === null && config.environment !== 'production';
  const metrics = await listenForMetrics(pool, github, config);
  const ready = database.open({ wait: true, prepare: ownDatabase ? seedOnce : undefined });
  void ready.then(
    () => github?.start(),
    () => {},
  );
  // GraphQL reports SERVICE_UNAVAILABLE with HTTP 200, which a load balancer takes for success: the port
  // opens once the database is reached, or after a limited wait.
  await Promise.race([ready, sleep(OPEN_WAIT, undefined, { ref: false })]);
  const name = `installations ${VERSION}, database ${databaseName(config)}`;
  await connections.listen(config, name).catch((error) => {
    throw explain(error, config, 'PORT');
  });
  return {
    url: urlOf(app.server, config.host),
    metricsUrl: metrics && urlOf(metrics, config.host),
    ready,
    demo,
    database,
    async close(idleTimeout = 0) {
      database.stopOpening();
      await Promise.all([connections.close(idleTimeout), github?.stop()]);
      metrics?.close().closeAllConnections();
      await Promise.race([
        Promise.all([writePool?.end(), database.close()]),
        sleep(DATABASE_DRAIN_TIMEOUT, undefined, { ref: false }),
      ]);
    },
  };
}

/** No read waits for it. A broken connection is replaced, and the next statement says what is wrong. */
function createWritePool(config: Config): Pool {
  const timeouts = { connection: DELIVERY_LOCK_TIMEOUT, silence: WRITE_SILENCE_TIMEOUT };
  return createPool(config, () => {}, WRITE_CONNECTIONS, timeouts);
}

async function createGithub(
  { github }: Config,
  dataSource: DataSource,
  database: Database,
  log: FastifyBaseLogger,
): Promise<Github | null> {
  if (!github) return null;
  // Loaded only if enabled.
  const { Github } = await import('./github/github.js');
  return new Github({ ...github, dataSource, database, log });
}

async function listenForMetrics(
  pool: Pool,
  github: Github | null,
  { host, metricsPort }: Config,
): Promise<Server | null> {
  if (metricsPort === null) return null;
  const { createMetricsServer } = await import('./http/metrics-server.js');
  const { measureCounts } = await import('./github/gauges.js');
  const measure = (registry: Registry) => github && measureCounts(registry, () => github.counts());
  const server = createMetricsServer(pool, measure);
  const endpoint = { host, port: metricsPort };
  await listenOnAll(server, endpoint).catch((error) => {
    throw explain(error, endpoint, 'METRICS_PORT');
  });
  return server;
}
