import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, QueryRunner } from 'typeorm';
import { HISTORY_TABLE } from './migration-history.js';
import type { WaitOptions } from './wait-options.js';

/** An arbitrary key of an advisory lock. */
const LOCK = 7_210_418_553;
/** Milliseconds between two looks at the advisory lock. */
const POLL_INTERVAL = 500;
/** Milliseconds. Whoever needs a table waits behind a queued lock: shortly, with much longer pauses. */
const LOCK_TIMEOUT = 200;
const PAUSE = { first: 1_000, longest: 10_000 };
/** Longer than the default `deadlock_timeout`, after which PostgreSQL cancels an autovacuum for a waiting lock. */
const VACUUM_LOCK_TIMEOUT = 1_200;
/** Lock timeout, deadlock, and a statement that an administrator has cancelled. */
const LOCKED_STATES = ['55P03', '40P01', '57014'];

/**
 * A role or a database may have timeouts of its own, under which a migration would never end. The one for idle
 * transactions frees the tables if this process or the network freezes. Older versions lack some of them.
 */
const SET_TIMEOUTS = `
  SELECT set_config(name, CASE name WHEN 'lock_timeout' THEN $1 WHEN 'idle_in_transaction_session_timeout' THEN '10s'
    ELSE '0' END, true)
  FROM pg_settings
  WHERE name IN ('lock_timeout', 'statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')`;

/** The table with the oldest transaction, which is null where this role may not see when it began. */
const SELECT_HOLDER = `
  SELECT format('%I.%I', nspname, relname) AS table, l.pid,
    bool_or(mode = 'ShareUpdateExclusiveLock') OVER () AS "maybeVacuum"
  FROM pg_locks l JOIN pg_class c ON c.oid = relation JOIN pg_namespace n ON n.oid = relnamespace
  LEFT JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE granted AND relation = ANY (ARRAY[to_regclass($1), to_regclass($2), to_regclass($3)])
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  ORDER BY xact_start, mode = 'AccessShareLock' LIMIT 1`;

interface Holder {
  table: string;
  /** `null`: a prepared transaction. */
  pid: number | null;
  maybeVacuum: boolean;
}

class OtherInstanceError extends Error {}

/**
 * Serializes instances by a transaction-level advisory lock: it works behind a transaction pooler and cannot leak. It is
 * polled: a session that waited in a statement would hold a snapshot, for which `CREATE INDEX CONCURRENTLY` waits.
 *
 * @throws when a lock was tried `tries` times
 */
export async function inLockedTransaction<Result>(
  dataSource: DataSource,
  { signal, say, tries }: WaitOptions,
  work: (runner: QueryRunner) => Promise<Result>,
): Promise<Result> {
  let failed = 0;
  let lockTimeout = LOCK_TIMEOUT;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await attempt(dataSource, lockTimeout, work);
    } catch (error) {
      if (error instanceof OtherInstanceError) {
        say('waiting for another instance, which applies migrations');
        await sleep(POLL_INTERVAL, undefined, { signal });
        continue;
      }
      if (!LOCKED_STATES.includes((error as { code?: string }).code ?? '')) throw error;
      failed++;
    }
    const holder = await findHolder(dataSource);
    const reason = reasonOf(holder);
    if (failed >= tries) throw new Error(`${reason}: end its transaction, then try again`);
    say(reason);
    lockTimeout = holder?.maybeVacuum ? VACUUM_LOCK_TIMEOUT : LOCK_TIMEOUT;
    const pause = Math.min(PAUSE.first * 2 ** (failed - 1), PAUSE.longest);
    await sleep(pause, undefined, { signal });
  }
}

async function attempt<Result>(
  dataSource: DataSource,
  lockTimeout: number,
  work: (runner: QueryRunner) => Promise<Result>,
): Promise<Result> {
  const runner = dataSource.createQueryRunner();
  try {
    // What another instance has committed must be seen, whatever the default of the role is.
    await runner.startTransaction('READ COMMITTED');
    await runner.query(SET_TIMEOUTS, [`${lockTimeout}ms`]);
    const [{ mine }] = await runner.query('SELECT pg_try_advisory_xact_lock($1) AS mine', [LOCK]);
    if (!mine) throw new OtherInstanceError();
    const result = await work(runner);
    await runner.commitTransaction();
    return result;
  } catch (error) {
    await runner.rollbackTransaction().catch(() => {});
    throw error;
  } finally {
    await runner.release();
  }
}

/** Looks after the failed attempt: who holds a lock for long still holds it. */
async function findHolder(dataSource: DataSource): Promise<Holder | undefined> {
  const tables = ['github_app_installation', 'neptun_user', HISTORY_TABLE];
  return ((await dataSource.query(SELECT_HOLDER, tables)) as Holder[])[0];
}

function reasonOf(holder: Holder | undefined): string {
  if (!holder) return 'migrations wait for a lock on a table, which another session holds';
  const { table, pid } = holder;
  const by =
    pid === null ? 'a prepared transaction holds' : `another session holds (process ${pid})`;
  return `migrations wait for a lock on ${table}, which ${by}`;
}
