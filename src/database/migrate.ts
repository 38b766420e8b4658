import {
  type DataSource,
  type Migration,
  MigrationExecutor,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm';
import { isPassing } from './availability.js';
import { buildReadIndex } from './build-read-index.js';
import { CancellingClient } from './cancelling-client.js';
import type { Queryable } from './catalog.js';
import { withDirectConnection } from './direct-connection.js';
import { inLockedTransaction } from './locked-transaction.js';
import { INDEX_MIGRATION, SHARED_TABLE_MIGRATIONS } from './migrations/migrations.js';
import { findReadIndex } from './read-index.js';
import { inspectTables, type Tables } from './tables.js';
import { UNATTENDED, type WaitOptions } from './wait-options.js';

export class OtherProgramsTablesError extends Error {
  constructor() {
    super(
      'The tables were made by another program, and are served as they are: no migration is for them. ' +
        'npm run cli -- migrate --adopt makes what may be added: an index, and the history',
    );
  }
}

/** A migration that fails by itself, not by what the database lacks for the moment. */
class MigrationFailedError extends Error {
  /** The SQLSTATE. */
  readonly code: string | undefined;

  constructor(name: string, cause: Error & { code?: string }) {
    super(`${name} failed, and nothing was changed: ${cause.message}`, { cause });
    this.code = cause.code;
  }
}

/**
 * Applies the pending migrations, all or none, and returns them; not the index of a table that others use: `indexReads`
 * builds it.
 *
 * @throws {OtherProgramsTablesError}
 */
export function migrate(dataSource: DataSource, wait: WaitOptions): Promise<Migration[]> {
  return inLockedTransaction(dataSource, wait, async (runner) => {
    const tables = await refuseOtherPrograms(runner);
    const left = (await needsBuild(runner, tables)) ? INDEX_MIGRATION.name : null;
    return new OwnExecutor(dataSource, runner, left).executePendingMigrations();
  });
}

/** Builds the index that `migrate` has left out, without blocking writers, and records its migration. */
export async function indexReads(dataSource: DataSource, wait: WaitOptions): Promise<Migration[]> {
  const { origin, pending } = await inspectTables(dataSource);
  if (!pending.includes(INDEX_MIGRATION.name)) return [];
  await withDirectConnection(dataSource, wait, (connection) =>
    buildReadIndex(connection, dataSource, { ...wait, origin }),
  );
  return migrate(dataSource, wait);
}

/** Both. */
export async function migrateAll(
  dataSource: DataSource,
  wait: WaitOptions = UNATTENDED,
): Promise<Migration[]> {
  const applied = await migrate(dataSource, wait);
  return [...applied, ...(await indexReads(dataSource, wait))];
}

/** Reverts the last migration. @throws {OtherProgramsTablesError} */
export function revert(dataSource: DataSource, fake: boolean): Promise<void> {
  return inLockedTransaction(dataSource, UNATTENDED, async (runner) => {
    await refuseOtherPrograms(runner);
    const executor = new OwnExecutor(dataSource, runner);
    executor.fake = fake;
    await executor.undoLastMigration();
  });
}

/** Records the migrations of another program's tables without running them, and applies those of our own tables. */
export function recordMigrations(dataSource: DataSource, wait: WaitOptions): Promise<Migration[]> {
  return inLockedTransaction(dataSource, wait, async (runner) => {
    const executor = new OwnExecutor(dataSource, runner);
    await executor.record(runner, SHARED_TABLE_MIGRATIONS);
    return executor.executePendingMigrations();
  });
}

/** @throws {OtherProgramsTablesError} */
export async function refuseOtherPrograms(database: Queryable): Promise<Tables> {
  const tables = await inspectTables(database);
  if (tables.origin === 'other') throw new OtherProgramsTablesError();
  return tables;
}

/** Whether writers would wait for the index: the embedded database has one connection, and new tables have no rows. */
async function needsBuild(runner: QueryRunner, { catalog, origin }: Tables): Promise<boolean> {
  const table = catalog.tables.get('github_app_installation');
  const shared = (await runner.connect()) instanceof CancellingClient;
  return shared && table !== undefined && findReadIndex(table, origin) === null;
}

class OwnExecutor extends MigrationExecutor {
  readonly #left: string | null;

  /** @param left the name of a migration that is not applied */
  constructor(dataSource: DataSource, runner: QueryRunner, left: string | null = null) {
    super(dataSource, runner);
    this.#left = left;
  }

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

  protected override getMigrations(): Migration[] {
    return super
      .getMigrations()
      .filter(({ name }) => name !== this.#left)
      .map((migration) => Object.assign(migration, { instance: namingFailures(migration) }));
  }
}

/** The errors of PostgreSQL do not say which migration has failed. */
function namingFailures({ name, instance }: Migration): MigrationInterface {
  const { up, down } = instance as MigrationInterface;
  const failWithName = (error: Error) => {
    throw isPassing(error) ? error : new MigrationFailedError(name, error);
  };
  return {
    up: (runner) => up.call(instance, runner).catch(failWithName),
    down: (runner) => down.call(instance, runner).catch(failWithName),
  };
}
