import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, EntityManager } from 'typeorm';

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
