import { AbstractLogger, DataSource, type Migration } from 'typeorm';
import { migrateAll, refuseOtherPrograms, revert } from './migrate.js';
import { HISTORY_TABLE } from './migration-history.js';
import { MIGRATIONS } from './migrations/migrations.js';
import type { ConnectCallback, Pool } from './pool.js';

const opening = new WeakMap<DataSource, Promise<DataSource>>();

/** Initializes it once, whoever needs it first; after a failure, again. */
export function opened(dataSource: DataSource): Promise<DataSource> {
  if (dataSource.isInitialized) return Promise.resolve(dataSource);
  const underWay =
    opening.get(dataSource) ?? dataSource.initialize().finally(() => opening.delete(dataSource));
  opening.set(dataSource, underWay);
  return underWay;
}

export type Entities = (new () => object)[];

/** For TypeORM's own command line. */
class LockedDataSource extends DataSource {
  /** Under the lock that every start takes as well. */
  override runMigrations(): Promise<Migration[]> {
    return migrateAll(this);
  }

  /** @throws {OtherProgramsTablesError} where it would drop the tables of another program */
  override undoLastMigration(
    options?: Parameters<DataSource['undoLastMigration']>[0],
  ): Promise<void> {
    return revert(this, options?.fake ?? false);
  }

  /** @throws {OtherProgramsTablesError} where it would make the history */
  override async showMigrations(): Promise<boolean> {
    await refuseOtherPrograms(this);
    return super.showMigrations();
  }
}

/** TypeORM prints failed migrations and warnings even where logging is off. Its errors are thrown as well. */
class SilentLogger extends AbstractLogger {
  protected writeLog(): void {}
}

/** TypeORM over the pool of the read path, which outlives a failed start; `onDestroy` closes a pool of its own. */
export function createDataSource(
  pool: Pool,
  entities: Entities,
  onDestroy: () => Promise<void> = async () => {},
): DataSource {
  class BorrowedPool {
    connect(callback: ConnectCallback) {
      pool.connect(callback);
    }
    on(): this {
      return this;
    }
    end(callback: (error?: Error) => void) {
      onDestroy().then(() => callback(), callback);
    }
  }
  return new LockedDataSource({
    type: 'postgres',
    driver: { Pool: BorrowedPool, Client: class {}, types: {} },
    entities,
    migrations: MIGRATIONS,
    migrationsTableName: HISTORY_TABLE,
    migrationsTransactionMode: 'all',
    installExtensions: false,
    logger: new SilentLogger(),
  });
}
