import type { DataSource, EntityMetadata } from 'typeorm';
import { type Catalog, type CatalogTable, type Queryable, readCatalog } from './catalog.js';
import { type MigrationHistory, pendingOf, readHistory } from './migration-history.js';
import { MIGRATIONS } from './migrations/migrations.js';

/** The marks of the first migration: column types, and names of keys. */
const OWN_COLUMNS: Record<string, Record<string, string>> = {
  neptun_user: {
    id: 'text',
    created_at: 'timestamp with time zone',
    updated_at: 'timestamp with time zone',
  },
  github_app_installation: {
    id: 'integer',
    neptun_user_id: 'text',
    github_installation_id: 'bigint',
    created_at: 'timestamp with time zone',
    updated_at: 'timestamp with time zone',
  },
};
const OWN_KEYS = ['github_app_installation_user_key', 'github_app_installation_user_fkey'];

/** The tables that other programs write as well, and may have made. */
const SHARED_TABLES: readonly string[] = Object.keys(OWN_COLUMNS);

/** Tables of this program alone, of what GitHub says and who may see it: reads use them where they are there. */
const FACT_TABLES: readonly string[] = [
  'github_fact_installation',
  'github_fact_repository',
  'github_grant',
  'github_link',
  'github_identity',
  'github_installation_request',
  'github_allowed_account',
];

/** Of other programs alone: reads use them where they are there. */
const OTHER_TABLES: readonly string[] = ['github_app_installation_repository'];

export interface Tables {
  readonly catalog: Catalog;
  readonly history: MigrationHistory;
  /** By whom they were made: migrations are only for those of this program, and where there are none yet. */
  readonly origin: 'absent' | 'own' | 'other';
  readonly pending: readonly string[];
  readonly mayMigrate: boolean;
}

export async function inspectTables(database: Queryable): Promise<Tables> {
  let history = await readHistory(database);
  const catalog = await readCatalog(database, [...SHARED_TABLES, ...FACT_TABLES, ...OTHER_TABLES]);
  const isAbsent = !SHARED_TABLES.some((name) => catalog.tables.has(name));
  // Another instance may have made both in between.
  if (!history.exists && !isAbsent) history = await readHistory(database);
  const origin = isAbsent ? 'absent' : isOwn(catalog, history) ? 'own' : 'other';
  return {
    catalog,
    history,
    origin,
    pending: origin === 'other' ? [] : pendingOf(history),
    mayMigrate:
      catalog.mayCreate &&
      !catalog.readOnly &&
      // It would make second tables, which are empty.
      catalog.barred.length === 0 &&
      (history.writable || !history.exists) &&
      [...catalog.tables.values()].every(({ owned }) => owned),
  };
}

export function sharedEntities(dataSource: DataSource): EntityMetadata[] {
  return SHARED_TABLES.map((name) => dataSource.getMetadata(name));
}

export function factEntities(dataSource: DataSource): EntityMetadata[] {
  return FACT_TABLES.map((name) => dataSource.getMetadata(name));
}

function isOwn({ tables }: Catalog, { exists, applied }: MigrationHistory): boolean {
  const first = MIGRATIONS[0]?.name as string;
  const installations = tables.get('github_app_installation');
  return (
    exists &&
    applied?.includes(first) !== false &&
    Object.entries(OWN_COLUMNS).every(([name, types]) => hasOwnColumns(tables.get(name), types)) &&
    OWN_KEYS.every((key) => installations?.constraints.has(key)) &&
    installations?.columns.get('id')?.identity === true
  );
}

function hasOwnColumns(table: CatalogTable | undefined, types: Record<string, string>): boolean {
  return (
    table?.kind === 'table' &&
    table.inCurrentSchema &&
    Object.entries(types).every(([name, type]) => table.columns.get(name)?.type === type)
  );
}
