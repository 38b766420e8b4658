import type { EntityMetadata } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import { isPassing } from './availability.js';
import type { Catalog, CatalogTable, Queryable } from './catalog.js';
import { familyOf, ownType, servedTypes } from './column-types.js';

const CAST = 'change it, or let search_path find a view of this name first that casts it';

/** The tables are there, and cannot be served. The message has each fault with its remedy, one a line. */
export class TablesNotServableError extends Error {
  constructor(faults: readonly string[]) {
    super(['The tables cannot be served:', ...faults.map((fault) => `  ${fault}`)].join('\n'));
  }
}

export async function findFaults(
  database: Queryable,
  catalog: Catalog,
  entities: readonly EntityMetadata[],
): Promise<string[]> {
  const faults = entities.flatMap((entity) => faultsOfTable(catalog, entity));
  if (faults.length > 0) return faults;
  const tried = await Promise.all(entities.map((entity) => tryToRead(database, catalog, entity)));
  return tried.filter((fault) => fault !== null);
}

/** Columns that may be absent, and that this role may not read: served as if they were absent. */
export function unreadableOptionals(catalog: Catalog, { tableName, columns }: EntityMetadata) {
  const table = catalog.tables.get(tableName);
  return columns
    .filter(({ isNullable, databaseName }) => isNullable && table?.unreadable.has(databaseName))
    .map(({ databaseName }) => databaseName);
}

/** SQL that lets this role read columns of a table; without them, all of it. */
export function grantSelect(
  { role }: Catalog,
  { qualified }: CatalogTable,
  columns: string[] = [],
) {
  const some = columns.length > 0 ? ` (${columns.join(', ')})` : '';
  return `GRANT SELECT${some} ON ${qualified} TO ${role}`;
}

function faultsOfTable(catalog: Catalog, { tableName, columns }: EntityMetadata): string[] {
  const table = catalog.tables.get(tableName);
  if (!table)
    return [
      `${tableName} is missing: make it, or set search_path, which is ${catalog.searchPath}, to the schema that has it`,
    ];
  if (table.columns.size === 0)
    return [`${table.qualified} is not readable by this role: ${grantSelect(catalog, table)}`];
  return columns
    .map((column) => faultOfColumn(catalog, table, column))
    .filter((fault) => fault !== null);
}

function faultOfColumn(
  catalog: Catalog,
  table: CatalogTable,
  column: ColumnMetadata,
): string | null {
  const types = servedTypes(column);
  if (types === null) return null;
  const name = column.databaseName;
  const path = `${table.qualified}.${name}`;
  if (table.unreadable.has(name))
    return `${path} is not readable by this role: ${grantSelect(catalog, table, [name])}`;
  const found = table.columns.get(name);
  if (!found) return `${path} is missing: add it, as ${types.join(' or ')}`;
  const { type, exact } = found;
  if (!types.includes(type))
    return `${path} is ${type}, and must be ${types.join(' or ')}: ${CAST}`;
  if (ownType(column) !== 'text') return null;
  if (!exact)
    return `${path} has a collation under which different ids are equal, and must have a deterministic one: ${CAST}`;
  const other = column.referencedColumn;
  const otherType = catalog.tables
    .get(other?.entityMetadata.tableName ?? '')
    ?.columns.get(other?.databaseName ?? '')?.type;
  return otherType === undefined || familyOf(otherType).includes(type)
    ? null
    : `${path} is ${type}, and must be ${familyOf(otherType).join(' or ')} as what it refers to: ${CAST}`;
}

/** Finds what no catalog shows: a view that fails, a policy, a right that a view's owner lacks. */
async function tryToRead(
  database: Queryable,
  catalog: Catalog,
  { tableName, columns, connection }: EntityMetadata,
): Promise<string | null> {
  const table = catalog.tables.get(tableName) as CatalogTable;
  const names = columns.map(({ databaseName }) => databaseName);
  const present = names.filter((name) => table.columns.has(name));
  const list = present.map((name) => connection.driver.escape(name)).join(', ');
  try {
    await database.query(`SELECT ${list} FROM ${connection.driver.escape(tableName)} WHERE false`);
    return null;
  } catch (error) {
    if (isPassing(error)) throw error;
    return `${table.qualified} cannot be read: ${(error as Error).message}`;
  }
}
