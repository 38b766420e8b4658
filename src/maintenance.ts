import type { DataSource } from 'typeorm';
import type { Config } from './config.js';
import { adopt } from './database/adopt.js';
import { createPool } from './database/create-pool.js';
import { createDataSource } from './database/data-source.js';
import { Database } from './database/database.js';
import { migrate, OtherProgramsTablesError } from './database/migrate.js';
import { ENTITIES } from './entities.js';
import { DEMO_USER, seed } from './explore/demo-data.js';

type DatabaseConfig = Pick<Config, 'databaseUrl' | 'dataDirectory'>;

const SILENT = { info: () => {}, warn: () => {} };

export async function migrateCommand(config: DatabaseConfig): Promise<void> {
  await withDataSource(config, async (dataSource) => {
    try {
      for (const { name } of await migrate(dataSource)) console.log(`Applied ${name}.`);
      console.log('The database is up to date.');
    } catch (error) {
      // No failure: a deployment that migrates each time must not be stopped by it.
      if (!(error instanceof OtherProgramsTablesError)) throw error;
      console.log(error.message);
    }
  });
}

export async function adoptCommand(config: DatabaseConfig, signal: AbortSignal): Promise<void> {
  const { databaseUrl } = config;
  await withDataSource(config, async (dataSource) => {
    try {
      await adopt(dataSource, { databaseUrl, say: console.log, signal });
    } catch (error) {
      throw signal.aborted ? new Error('Ended: the next run removes what is half done') : error;
    }
  });
}

/** Adds the demo users to a database that only this program fills. */
export async function seedCommand(config: Config): Promise<void> {
  if (config.environment === 'production') throw new Error('seed: demo data is not for production');
  const database = new Database(createPool(config, SILENT.warn), SILENT, ENTITIES);
  try {
    await database.open({ wait: false });
    if (database.tables?.origin === 'other')
      throw new Error('seed: another program made the tables, and fills them');
    await seed(database.dataSource, { embedded: config.databaseUrl === null });
    console.log(`The demo user ${DEMO_USER} is there.`);
  } finally {
    await database.close();
  }
}

async function withDataSource(
  config: DatabaseConfig,
  work: (dataSource: DataSource) => Promise<void>,
): Promise<void> {
  const pool = createPool(config, SILENT.warn);
  try {
    await work(await createDataSource(pool, ENTITIES).initialize());
  } finally {
    await pool.end();
  }
}
