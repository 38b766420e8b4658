import pg from 'pg';
import type { Config } from '../config.js';
import { CONNECTION_TIMEOUT } from '../timeouts.js';
import { isStatementLate } from './availability.js';
import { CancellingClient } from './cancelling-client.js';
import { EmbeddedPool } from './embedded-pool.js';

export interface Query {
  text: string;
  values?: unknown[] | undefined;
  /** Prepares the statement under this name, once a connection. */
  name?: string | undefined;
  /** Milliseconds after which the client gives up. */
  query_timeout?: number;
}

/** The part of `pg.Pool` that this project uses; the embedded database offers the same. */
export interface Pool {
  query<Row>(query: Query): Promise<{ rows: Row[] }>;
  connect(callback: ConnectCallback): void;
  end(): Promise<void>;
  /** Connections there are, and those that nobody uses. The embedded database does not tell. */
  readonly totalCount?: number;
  readonly idleCount?: number;
  /** Borrowers that wait for a connection. */
  readonly waitingCount?: number;
}

export type ConnectCallback = (
  error: Error | undefined,
  client: unknown,
  release: (error?: Error | boolean) => void,
) => void;

/** Statements that each reader may have under way at once: for many users, and for one who is read apart. */
export const AT_ONCE = {
  installations: { shared: 6, apart: 3 },
  users: { shared: 2, apart: 1 },
} as const;
/** For each of those, and for probes. */
export const MAX_CONNECTIONS =
  Object.values(AT_ONCE).reduce((sum, { shared, apart }) => sum + shared + apart, 0) + 1;

/**
 * Opens nothing yet: the first query does.
 *
 * @param onIdleError told of a connection that broke while nobody used it; the pool replaces it
 */
export function createPool(
  config: Pick<Config, 'databaseUrl' | 'dataDirectory'>,
  onIdleError: (error: Error) => void,
): Pool {
  if (config.databaseUrl === null) return new EmbeddedPool(config.dataDirectory);
  const pool = new pg.Pool({
    connectionString: config.databaseUrl,
    application_name: 'installations-server',
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECTION_TIMEOUT,
    keepAlive: true,
    Client: CancellingClient,
  });
  // The pool drops a client whose statement failed, before an answer under way could be taken for another's.
  pool.on('release', (error, client) => {
    if (error && isStatementLate(error)) (client as unknown as CancellingClient).abandoned = true;
  });
  // Without a listener, one backend killed while idle would end the process.
  pool.on('error', onIdleError);
  return pool as unknown as Pool;
}
