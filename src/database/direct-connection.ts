import { setTimeout as sleep } from 'node:timers/promises';
import { CONNECTION_TIMEOUT } from '../timeouts.js';
import { CancellingClient } from './cancelling-client.js';
import type { Queryable } from './catalog.js';

/** Not that of migrations: an index is built in no transaction, and may take hours. */
const LOCK = 7_210_418_554;
/** Milliseconds. A session that waited in a statement would hold a snapshot, for which the build waits: a deadlock. */
const POLL_INTERVAL = 500;

/** A connection of its own, without timeouts; `processId` is the backend's. */
export interface DirectConnection extends Queryable {
  readonly processId: number;
}

/** Connects without the pool, under a session-level advisory lock. `signal` ends the wait, or cancels the statement. */
export async function withDirectConnection<Result>(
  databaseUrl: string,
  { say, signal }: { say: (line: string) => void; signal: AbortSignal },
  work: (connection: DirectConnection) => Promise<Result>,
): Promise<Result> {
  const client = new CancellingClient({
    connectionString: databaseUrl,
    application_name: 'installations-server migrate --adopt',
    connectionTimeoutMillis: CONNECTION_TIMEOUT,
    keepAlive: true,
  });
  client.on('error', () => {});
  const query = async (text: string, values?: unknown[]) => (await client.query(text, values)).rows;
  let ended: Promise<void> | undefined;
  const cancel = () => {
    client.abandoned = true;
    ended = client.end();
  };
  signal.throwIfAborted();
  await client.connect();
  signal.addEventListener('abort', cancel);
  try {
    const [{ pid }] = (await query('SELECT pg_backend_pid() AS pid')) as [{ pid: number }];
    if (pid !== (client as unknown as { processID: number }).processID)
      throw new Error('DATABASE_URL leads to a pooler: an index needs a direct connection');
    // A role or a database may have limits of its own.
    await query('SET statement_timeout = 0; SET lock_timeout = 0');
    await takeTurn(query, say, signal);
    return await work({ query, processId: pid });
  } finally {
    signal.removeEventListener('abort', cancel);
    // The end of the session releases the lock.
    await (ended ?? client.end());
  }
}

async function takeTurn(
  query: Queryable['query'],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const rows = await query('SELECT pg_try_advisory_lock($1) AS mine', [LOCK]);
    if ((rows as [{ mine: boolean }])[0].mine) return;
    if (attempt === 1) say('Waiting for another instance, which runs the same command.');
    await sleep(POLL_INTERVAL, undefined, { signal });
  }
}
