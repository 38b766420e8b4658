import type { Queryable } from './catalog.js';
import { MIGRATIONS } from './migrations/migrations.js';

/** Other programs share this database, and may have migrations of their own. */
export const HISTORY_TABLE = 'installations_server_migration';

export interface MigrationHistory {
  readonly exists: boolean;
  /** Names; `null`: this role may not read them. */
  readonly applied: readonly string[] | null;
  readonly writable: boolean;
}

/** Reads where TypeORM does: in the schema in which it would create the table. */
export async function readHistory(database: Queryable): Promise<MigrationHistory> {
  const [table] = (await database.query(
    `SELECT oid::regclass AS name, has_table_privilege(oid, 'SELECT') AS readable,
       has_table_privilege(oid, 'INSERT') AS writable
     FROM pg_class WHERE oid = to_regclass(quote_ident(current_schema()) || '.' || $1)`,
    [HISTORY_TABLE],
  )) as { name: string; readable: boolean; writable: boolean }[];
  if (!table) return { exists: false, applied: [], writable: false };
  const { name, readable, writable } = table;
  if (!readable) return { exists: true, applied: null, writable };
  const rows = (await database.query(`SELECT name FROM ${name}`)) as { name: string }[];
  return { exists: true, applied: rows.map((row) => row.name), writable };
}

export function pendingOf({ applied }: MigrationHistory): string[] {
  return MIGRATIONS.map(({ name }) => name).filter((name) => applied && !applied.includes(name));
}
