import type { DataSource } from 'typeorm';
import type { Config } from './config.js';
import { adopt } from './database/adopt.js';
import { createPool } from './database/create-pool.js';
import { createDataSource } from './database/data-source.js';
import { Database } from './database/database.js';
import { migrateAll, OtherProgramsTablesError } from './database/migrate.js';
import { FEW_TRIES, onChange, type WaitOptions } from './database/wait-options.js';
import { ENTITIES } from './entities.js';
import { DEMO_USER, seed } from './explore/demo-data.js';

type DatabaseConfig = Pick<Config, 'databaseUrl' | 'dataDirectory'>;

const SILENT = { info: () => {}, warn: () => {} };

export async function migrateCommand(config: DatabaseConfig, signal: AbortSignal): Promise<void> {
  await withDataSource(config, signal, async (dataSource, wait) => {
    try {
      for (const { name } of await migrateAll(dataSource, wait)) wait.say(`applied ${name}`);
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
  await withDataSource(config, signal, (dataSource, wait) =>
    adopt(dataSource, { ...wait, databaseUrl }),
  );
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
  signal: AbortSignal,
  work: (dataSource: DataSource, wait: WaitOptions) => Promise<void>,
): Promise<void> {
  const pool = createPool(config, SILENT.warn);
  let ended: Promise<void> | undefined;
  const end = () => {
    ended ??= pool.end();
    return ended;
  };
  signal.addEventListener('abort', end);
  try {
    const dataSource = await createDataSource(pool, ENTITIES).initialize();
    await work(dataSource, { signal, say: onChange(print), tries: FEW_TRIES });
  } catch (error) {
    throw signal.aborted ? new Error('Ended: the next run removes what is half done') : error;
  } finally {
    await end();
  }
}

/** Prints a clause as a sentence. */
function print(clause: string): void {
  console.log(`${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`);
}
