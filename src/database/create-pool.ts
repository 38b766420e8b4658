import type { ClientBase, QueryConfig } from 'pg';
import { CONNECTION_TIMEOUT } from '../timeouts.js';
import { ConnectionError, isTimeout, sqlStateOf } from './availability.js';
import type { CancellingClient } from './cancelling-client.js';
import { CancellingPool } from './cancelling-pool.js';
import { EmbeddedPool } from './embedded-pool.js';
import type { ConnectCallback, Pool } from './pool.js';

/** For commands, which run one statement after the other. */
const FEW = 2;

/** Milliseconds. */
interface PoolTimeouts {
  /** For a free connection, and for opening a new one. */
  connection?: number;
  /** A connection without traffic, which is closed then; 0: never, as each statement has a timeout of its own. */
  silence?: number;
}

/** Opens nothing before the first query. `onIdleError` reports a broken idle connection, which the pool replaces. */
export function createPool(
  { databaseUrl, dataDirectory }: { databaseUrl: string | null; dataDirectory: string },
  onIdleError: (error: Error) => void,
  connections = FEW,
  { connection = CONNECTION_TIMEOUT, silence = 0 }: PoolTimeouts = {},
): Pool {
  if (databaseUrl === null) return new EmbeddedPool(dataDirectory);
  const pool = new CancellingPool({
    connectionString: databaseUrl,
    application_name: 'installations-server',
    max: connections,
    connectionTimeoutMillis: connection,
    silenceTimeout: silence,
    keepAlive: true,
    onConnect: compileNothing,
  });
  // The pool drops a client whose statement failed, before an answer under way could be taken for another's.
  pool.on('release', (error, client) => {
    if (error && isTimeout(error)) (client as unknown as CancellingClient).abandoned = true;
  });
  // Without a listener, one backend killed while idle would end the process.
  pool.on('error', onIdleError);
  return distinguishConnecting(pool as unknown as Pool);
}

/**
 * A statement for many keys is estimated dearer than it is, and compiling it takes a thousand times as long as the read.
 * Through PgBouncer, the setting may stay on a connection that others use.
 */
async function compileNothing(client: ClientBase): Promise<void> {
  try {
    await client.query({ text: 'SET jit = off', query_timeout: CONNECTION_TIMEOUT } as QueryConfig);
  } catch (error) {
    // What refuses the setting may serve all the same.
    if (sqlStateOf(error) !== null) return;
    (client as CancellingClient).destroy();
    throw error;
  }
}

/** So that a refusal to connect is known as one, whatever its SQLSTATE. `pool.query` connects by this as well. */
function distinguishConnecting(pool: Pool): Pool {
  const connect: Pool['connect'] = pool.connect.bind(pool);
  return Object.assign(pool, {
    connect(callback: ConnectCallback) {
      connect((error, ...lease) => callback(error && new ConnectionError(error), ...lease));
    },
  });
}
