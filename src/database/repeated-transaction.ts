import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, EntityManager } from 'typeorm';
import { DELIVERY_LOCK_TIMEOUT, DELIVERY_TIMEOUT } from '../timeouts.js';

/** Deadlock and serialization failure: PostgreSQL has rolled back, and asks for another try. */
const REPEATABLE_STATES = ['40P01', '40001'];
const TRIES = 5;
/** Milliseconds, at random, so that two transactions that met do not meet again. */
const LONGEST_PAUSE = 50;

/** Runs a transaction, and again where PostgreSQL has ended it in favour of another. */
export async function repeatedTransaction<Result>(
  dataSource: DataSource,
  work: (manager: EntityManager) => Promise<Result>,
): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await dataSource.transaction(work);
    } catch (error) {
      const { code } = error as { code?: string };
      if (tries === TRIES || !REPEATABLE_STATES.includes(code ?? '')) throw error;
      await sleep(Math.random() * LONGEST_PAUSE);
    }
  }
}

/** No lock is held for longer, not even by an instance that has vanished from the network. */
const LIMITS = `SELECT set_config('lock_timeout', '${DELIVERY_LOCK_TIMEOUT}', true),
  set_config('statement_timeout', '${DELIVERY_TIMEOUT}', true),
  set_config('idle_in_transaction_session_timeout', '${DELIVERY_TIMEOUT}', true)`;

/** The same, for which somebody waits. */
export function boundedTransaction<Result>(
  dataSource: DataSource,
  work: (manager: EntityManager) => Promise<Result>,
): Promise<Result> {
  return repeatedTransaction(dataSource, async (manager) => {
    await manager.query(LIMITS);
    return work(manager);
  });
}
