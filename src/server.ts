import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { buildApp } from './app.js';
import type { Config } from './config.js';
import { Database } from './database/database.js';
import { createPool } from './database/pool.js';
import { DEMO_USER, seedOnce } from './database/seed.js';
import { demoSession } from './session/demo-session.js';
import { sessionPassword } from './session/session-password.js';
import { SessionReader } from './session/session-reader.js';
import { DRAIN_TIMEOUT } from './timeouts.js';

export interface RunningServer {
  /** Where it listens, without a trailing slash. */
  url: string;
  /** Settles when the database is there and migrated; until then the API answers 503. */
  ready: Promise<void>;
  /** A sealed session of the demo user; `null`: nobody may have one. */
  demoSession: (() => Promise<string>) | null;
  database: Database;
  /** Ends the requests under way, then the database. */
  close(): Promise<void>;
}

/** Puts the application on its database and listens. The process itself belongs to `main.ts`. */
export async function startServer(config: Config): Promise<RunningServer> {
  const log = pino({ level: config.logLevel });
  const password = await sessionPassword(config);
  const passwords = [password, config.sessionPasswordPrevious].filter((text) => text !== null);
  const sessions = new SessionReader({ passwords, maxAge: config.sessionMaxAge });
  const demo = allowsDemo(config)
    ? () => demoSession(config.dataDirectory, sessions, DEMO_USER, password)
    : null;

  const pool = createPool(config, (error) => log.warn({ err: error }, 'idle connection lost'));
  const database = new Database(pool, log);
  const app = await buildApp({ config, log, database, sessions, demoSession: demo });
  await listen(app, config);
  // Only a database of our own is filled without being asked: another may hold real users.
  const ownDatabase = config.databaseUrl === null && config.environment !== 'production';
  return {
    url: baseUrl(app.server.address() as AddressInfo),
    ready: database.open({ wait: true, prepare: ownDatabase ? seedOnce : undefined }),
    demoSession: demo,
    database,
    async close() {
      // A client that keeps half a request back may not keep the process.
      const patience = setTimeout(() => app.server.closeAllConnections(), DRAIN_TIMEOUT);
      await app.close();
      clearTimeout(patience);
      await database.close();
    },
  };
}

/**
 * Whether anybody may become the demo user. Not in production, and not where the rows may be real and
 * others can reach the port: `NODE_ENV` is easily forgotten.
 */
function allowsDemo({ environment, databaseUrl, host }: Config): boolean {
  const reachable = !/^(127\.|::1$|localhost$)/.test(host);
  return environment !== 'production' && (databaseUrl === null || !reachable);
}

async function listen(app: FastifyInstance, { host, port }: Config): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(`${host}:${port} is taken: stop what listens there, or set PORT to another`);
  }
}

/** An address that can be pasted: `0.0.0.0` listens everywhere, but is nowhere to call. */
function baseUrl({ address, family, port }: AddressInfo): string {
  const anywhere = address === '0.0.0.0' || address === '::';
  const host = anywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  return `http://${host}:${port}`;
}
