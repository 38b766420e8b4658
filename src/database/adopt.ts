import type { DataSource } from 'typeorm';
import { buildReadIndex } from './build-read-index.js';
import { withDirectConnection } from './direct-connection.js';
import { migrateAll, recordMigrations } from './migrate.js';
import { HISTORY_TABLE } from './migration-history.js';
import { faultsOf } from './prepare-tables.js';
import { TablesNotServableError } from './servable.js';
import { inspectTables } from './tables.js';
import type { WaitOptions } from './wait-options.js';

export interface AdoptOptions extends WaitOptions {
  /** `null`: the embedded database, whose tables are always ours. */
  databaseUrl: string | null;
}

/** Adds read index and history to another program's tables; migrates others. @throws {TablesNotServableError} */
export async function adopt(dataSource: DataSource, options: AdoptOptions): Promise<void> {
  const { databaseUrl, say } = options;
  const tables = await inspectTables(dataSource);
  if (databaseUrl === null || tables.origin !== 'other') {
    say('there is nothing to adopt: no other program has made the tables');
    for (const { name } of await migrateAll(dataSource, options)) say(`applied ${name}`);
    return;
  }
  const faults = await faultsOf(dataSource, tables);
  if (faults.length > 0) throw new TablesNotServableError(faults);
  const { role, schema } = tables.catalog;
  const refusals = [
    await unlessRefused(`${role} must own the table, and have CREATE on its schema`, () =>
      withDirectConnection(dataSource, options, (connection) =>
        buildReadIndex(connection, dataSource, { ...options, origin: 'other' }),
      ),
    ),
    await unlessRefused(
      `${role} must have CREATE on the schema ${schema}, or INSERT and SELECT on ${HISTORY_TABLE}`,
      async () => {
        for (const { name } of await recordMigrations(dataSource, options)) say(`applied ${name}`);
        say(`the history ${HISTORY_TABLE} is recorded`);
      },
    ),
  ].filter((refusal) => refusal !== null);
  if (refusals.length > 0) throw new Error(refusals.join('\n'));
  say('the tables are adopted; nothing else was changed');
}

/** @returns the message of the database where this role lacks a right */
async function unlessRefused(needed: string, work: () => Promise<void>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code !== '42501') throw error;
    return `Not done: ${message}. ${needed}`;
  }
}
