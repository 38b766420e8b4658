import { type DataSource, type Migration, MigrationExecutor, type QueryRunner } from 'typeorm';
import type { Queryable } from './catalog.js';
import { SHARED_TABLE_MIGRATIONS } from './migrations/migrations.js';
import { inspectTables } from './tables.js';

/** An arbitrary key of an advisory lock. */
const LOCK = 7_210_418_553;

export class OtherProgramsTablesError extends Error {
  constructor() {
    super(
      'The tables were made by another program, and are served as they are: no migration is for them. ' +
        'npm run cli -- migrate --adopt makes what may be added: an index, and the history',
    );
  }
}

/** Applies the pending migrations, all or none, and returns them. @throws {OtherProgramsTablesError} */
export function migrate(dataSource: DataSource): Promise<Migration[]> {
  return inLockedTransaction(dataSource, async (runner) => {
    await refuseOtherPrograms(runner);
    return new RecordingExecutor(dataSource, runner).executePendingMigrations();
  });
}

/** Records the migrations of another program's tables without running them, and applies those of our own tables. */
export function recordMigrations(dataSource: DataSource): Promise<Migration[]> {
  return inLockedTransaction(dataSource, async (runner) => {
    const executor = new RecordingExecutor(dataSource, runner);
    await executor.record(runner, SHARED_TABLE_MIGRATIONS);
    return executor.executePendingMigrations();
  });
}

/** @throws {OtherProgramsTablesError} */
export async function refuseOtherPrograms(database: Queryable): Promise<void> {
  if ((await inspectTables(database)).origin === 'other') throw new OtherProgramsTablesError();
}

/** Serializes instances by a transaction-level advisory lock: it works behind a transaction pooler and cannot leak. */
async function inLockedTransaction<Result>(
  dataSource: DataSource,
  work: (runner: QueryRunner) => Promise<Result>,
): Promise<Result> {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.startTransaction();
    await runner.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
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

class RecordingExecutor extends MigrationExecutor {
  async record(runner: QueryRunner, migrations: readonly { name: string }[]): Promise<void> {
    await this.createMigrationsTableIfNotExist(runner);
    const recorded = await this.loadExecutedMigrations(runner);
    const names = migrations
      .map(({ name }) => name)
      .filter((name) => recorded.every((migration) => migration.name !== name));
    for (const migration of this.getMigrations()) {
      if (names.includes(migration.name)) await this.insertExecutedMigration(runner, migration);
    }
  }
}
