import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import type { CancellingClient } from './cancelling-client.js';
import type { Queryable } from './catalog.js';
import type { WaitOptions } from './wait-options.js';

/** Not that of migrations: an index is built in no transaction, and may take hours. */
const LOCK = 7_210_418_554;
/** Milliseconds. A session that waited in a statement would hold a snapshot, for which the build waits: a deadlock. */
const POLL_INTERVAL = 500;

/** A role or a database may have timeouts of its own; older versions lack some. */
const UNSET_TIMEOUTS = `
  SELECT set_config(name, '0', false) FROM pg_settings
  WHERE name IN ('lock_timeout', 'statement_timeout', 'transaction_timeout', 'idle_session_timeout')`;
/** Ends the statement of a process that was killed. From PostgreSQL 14 on, and not on every system. */
const CHECK_CLIENT = "SET client_connection_check_interval = '1s'";

/** A connection of its own, without timeouts; `processId` is the backend's. */
export interface DirectConnection extends Queryable {
  readonly processId: number;
}

/** Takes a connection out of the pool, under a session-level advisory lock, which does not hold behind a pooler. */
export async function withDirectConnection<Result>(
  dataSource: DataSource,
  wait: WaitOptions,
  work: (connection: DirectConnection) => Promise<Result>,
): Promise<Result> {
  const { signal } = wait;
  signal.throwIfAborted();
  const driver = dataSource.driver as PostgresDriver;
  const [client, release] = (await driver.obtainMasterConnection()) as [
    CancellingClient,
    (error: Error) => void,
  ];
  client.on('error', () => {});
  let ended: Promise<void> | undefined;
  const cancel = () => {
    ended = client.abandon();
  };
  signal.addEventListener('abort', cancel);
  const query = async (text: string, values?: unknown[]) => {
    // A statement that began between the cancellation and the end of the connection would go on without us.
    signal.throwIfAborted();
    return (await client.query(text, values)).rows;
  };
  try {
    const [{ pid }] = (await query('SELECT pg_backend_pid() AS pid')) as [{ pid: number }];
    if (pid !== (client as unknown as { processID: number }).processID)
      throw new Error('DATABASE_URL leads to a pooler: an index needs a direct connection');
    await query(UNSET_TIMEOUTS);
    await query(CHECK_CLIENT).catch(() => {});
    await takeTurn(query, wait);
    return await work({ query, processId: pid });
  } finally {
    signal.removeEventListener('abort', cancel);
    await ended;
    // The pool ends the session, and with it settings and lock.
    release(new Error('its settings are its own'));
  }
}

async function takeTurn(
  query: Queryable['query'],
  { say, signal }: Pick<WaitOptions, 'say' | 'signal'>,
): Promise<void> {
  for (;;) {
    const rows = await query('SELECT pg_try_advisory_lock($1) AS mine', [LOCK]);
    if ((rows as [{ mine: boolean }])[0].mine) return;
    say('waiting for another instance, which builds the index');
    await sleep(POLL_INTERVAL, undefined, { signal });
  }
}
