import type { Config } from '../config.js';
import type { Database } from '../database/database.js';
import { isLoopback } from '../http/loopback.js';
import { demoSession } from '../session/demo-session.js';
import { sealSession } from '../session/seal-session.js';
import type { SessionReader } from '../session/session-reader.js';
import { DEMO_USER, DEMO_USERS, type DemoUser, presentDemoUsers } from './demo-data.js';

/** Signs in without the web application, in development. */
export interface Demo {
  /** Whether any user may be chosen, not only a demo user. */
  anyUser: boolean;
  allows(userId: string): boolean;
  /** Makes a sealed session. */
  session(userId: string): Promise<string>;
  /** Those that the database holds. */
  users(): Promise<DemoUser[]>;
}

export interface DemoParts {
  database: Pick<Database, 'tables' | 'dataSource'>;
  sessions: SessionReader;
  password: string;
}

/**
 * `null` in production. As `NODE_ENV` is easily forgotten, also on a port that others can reach, if its users or its
 * password may be real.
 */
export function createDemo(
  config: Config,
  { database, sessions, password }: DemoParts,
): Demo | null {
  const reachable = !isLoopback(config.host) || config.trustProxy.length > 0;
  const worthless = config.databaseUrl === null && config.sessionPassword === null;
  if (config.environment === 'production' || (reachable && !worthless)) return null;
  return {
    anyUser: worthless,
    allows: (userId) => worthless || DEMO_USERS.some(({ id }) => id === userId),
    session: (userId) =>
      userId === DEMO_USER
        ? demoSession(config.dataDirectory, sessions, userId, password)
        : sealSession(userId, password, 0),
    users: () => presentDemoUsers(database),
  };
}
