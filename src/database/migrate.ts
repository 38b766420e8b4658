import { type DataSource, type Migration, MigrationExecutor } from 'typeorm';

/** Any number, as long as nobody else takes the same advisory lock in this database. */
const LOCK = 7_210_418_553;

/**
 * Applies the pending migrations, all or none, in one transaction. Instances that start together
 * wait for each other at an advisory lock of that transaction: unlike one of the session, it holds
 * behind a pooler in transaction mode too, and cannot be left behind.
 *
 * @param dataSource initialized
 * @param fake records them only, where the tables are there already
 * @returns the migrations applied now
 */
export async function migrate(dataSource: DataSource, fake = false): Promise<Migration[]> {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.startTransaction();
    await runner.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    const executor = new MigrationExecutor(dataSource, runner);
    executor.transaction = 'all';
    executor.fake = fake;
    const applied = await executor.executePendingMigrations();
    await runner.commitTransaction();
    return applied;
  } catch (error) {
    await runner.rollbackTransaction().catch(() => {});
    if ((error as { code?: unknown }).code !== '42P07') throw error;
    throw new Error(
      'The tables are there already, but not this program’s history of them: if they are as README.md ' +
        'describes, run `npm run db:migrate -- --fake` once',
      { cause: error },
    );
  } finally {
    await runner.release();
  }
}
