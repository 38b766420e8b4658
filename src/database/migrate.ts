import { type DataSource, type Migration, MigrationExecutor } from 'typeorm';
import type { Queryable } from './catalog.js';
import { inspectTables } from './tables.js';

/** Any number, as long as nobody else takes the same advisory lock in this database. */
const LOCK = 7_210_418_553;

/** What migrations meet on tables that are not theirs. */
export class OtherProgramsTablesError extends Error {
  constructor() {
    super(
      'The tables were made by another program, and are served as they are: no migration is for them. ' +
        'npm run cli -- migrate --adopt makes what may be added: an index, and the history',
    );
  }
}

/**
 * Applies the pending migrations, all or none, in one transaction. Instances that start together
 * wait for each other at an advisory lock of that transaction: unlike one of the session, it holds
 * behind a pooler in transaction mode too, and cannot be left behind.
 *
 * @param dataSource initialized
 * @returns the migrations applied now
 * @throws {OtherProgramsTablesError}
 */
export async function migrate(dataSource: DataSource): Promise<Migration[]> {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.startTransaction();
    await runner.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    await refuseOtherPrograms(runner);
    const executor = new MigrationExecutor(dataSource, runner);
    executor.transaction = 'all';
    const applied = await executor.executePendingMigrations();
    await runner.commitTransaction();
    return applied;
  } catch (error) {
    await runner.rollbackTransaction().catch(() => {});
    throw error;
  } finally {
    await runner.release();
  }
}

/** @throws {OtherProgramsTablesError} */
export async function refuseOtherPrograms(database: Queryable): Promise<void> {
  if ((await inspectTables(database)).origin === 'other') throw new OtherProgramsTablesError();
}
