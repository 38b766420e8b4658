import { loadConfig } from '../../src/config.js';
import type { Catalog } from '../../src/database/catalog.js';
import { createPool } from '../../src/database/create-pool.js';
import { Database } from '../../src/database/database.js';
import type { Pool } from '../../src/database/pool.js';
import { ENTITIES } from '../../src/entities.js';
import { DUMP } from './other-tables.js';

export interface Opened {
  /** Why it was not opened. */
  fault: string;
  catalog: Catalog | null;
  /** Each line of the log: its text, or what it says of the tables. */
  log: unknown[];
  /** Whether all that is in the database is as it was. */
  unchanged: boolean;
}

/** Opens a database as a start does, but for the end of its pool. */
export async function open(pool: Pool): Promise<Opened> {
  const log: unknown[] = [];
  const write = (...[first, text]: unknown[]) =>
    log.push(text === 'tables found' ? first : (text ?? first));
  const logger = { info: write, warn: write } as ConstructorParameters<typeof Database>[1];
  const lent: Pool = {
    query: (query) => pool.query(query),
    connect: (callback) => pool.connect(callback),
    end: async () => {},
  };
  const dump = async () => JSON.stringify((await pool.query({ text: DUMP })).rows);
  const before = await dump();
  const database = new Database(lent, logger, ENTITIES);
  const fault = await database.open({ wait: true }).then(
    () => '',
    (error: Error) => error.message,
  );
  return {
    fault,
    catalog: database.tables?.catalog ?? null,
    log,
    unchanged: (await dump()) === before,
  };
}

/** The same of a database that nobody else uses. */
export async function openOnce(env: object): Promise<Opened> {
  const pool = createPool(loadConfig({ ...env }), () => {});
  try {
    return await open(pool);
  } finally {
    await pool.end();
  }
}
