import type { DataSource } from 'typeorm';
import { buildReadIndex } from './build-read-index.js';
import { withDirectConnection } from './direct-connection.js';
import { migrate, recordMigrations } from './migrate.js';
import { HISTORY_TABLE } from './migration-history.js';
import { faultsOf } from './prepare-tables.js';
import { TablesNotServableError } from './servable.js';
import { inspectTables } from './tables.js';

export interface AdoptOptions {
  /** `null`: the embedded database, whose tables are always ours. */
  databaseUrl: string | null;
  say: (line: string) => void;
  signal: AbortSignal;
}

/** Adds read index and history to another program's tables; migrates others. @throws {TablesNotServableError} */
export async function adopt(dataSource: DataSource, options: AdoptOptions): Promise<void> {
  const { databaseUrl, say } = options;
  const tables = await inspectTables(dataSource);
  if (databaseUrl === null || tables.origin !== 'other') {
    say('There is nothing to adopt: no other program has made the tables.');
    for (const { name } of await migrate(dataSource)) say(`Applied ${name}.`);
    return;
  }
  const faults = await faultsOf(dataSource, tables);
  if (faults.length > 0) throw new TablesNotServableError(faults);
  const { role, schema } = tables.catalog;
  const refusals = [
    await unlessRefused(`${role} must own the table, and have CREATE on its schema`, () =>
      withDirectConnection(databaseUrl, options, (connection) =>
        buildReadIndex(connection, dataSource, say),
      ),
    ),
    await unlessRefused(
      `${role} must have CREATE on the schema ${schema}, or INSERT and SELECT on ${HISTORY_TABLE}`,
      async () => {
        for (const { name } of await recordMigrations(dataSource)) say(`Applied ${name}.`);
        say(`${HISTORY_TABLE} is recorded.`);
      },
    ),
  ].filter((refusal) => refusal !== null);
  if (refusals.length > 0) throw new Error(refusals.join('\n'));
  say('The tables are adopted; nothing else was changed.');
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
