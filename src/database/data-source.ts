import { DataSource, type Migration } from 'typeorm';
import { migrate } from './migrate.js';
import { MIGRATIONS } from './migrations/migrations.js';
import type { ConnectCallback, Pool } from './pool.js';

/** Classes that TypeORM maps to tables. */
export type Entities = (new () => object)[];

class LockedDataSource extends DataSource {
  /** As TypeORM's own command line calls it: under the lock that every start takes as well. */
  override runMigrations(options?: { fake?: boolean }): Promise<Migration[]> {
    return migrate(this, options?.fake);
  }
}

/**
 * TypeORM over a pool that is handed in: one pool serves the hot read path and TypeORM alike, and
 * outlives a start that failed because the database was away.
 *
 * @param onDestroy called when the data source is destroyed; closes the pool where nobody else uses it
 */
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
    // Other programs share this database, and may have migrations of their own.
    migrationsTableName: 'installations_server_migration',
    migrationsTransactionMode: 'all',
    installExtensions: false,
    logging: false,
  });
}
