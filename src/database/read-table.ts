import type { EntityMetadata } from 'typeorm';
import type { Catalog } from './catalog.js';
import { meaningOf, type ReadColumn } from './row-values.js';

/** A table as reads use it: what the entity says, on the columns that the table has. */
export interface ReadTable {
  readonly name: string;
  /** Reads are ordered by it. */
  readonly primary: ReadColumn;
  readonly columns: readonly ReadColumn[];
  /** Whether another table refers to it. */
  readonly referenced: boolean;
  /** Whether a foreign key of that column says that a row of the other table exists. */
  references(column: ReadColumn, other: ReadTable): boolean;
}

/** @param catalog has the table, with the columns that the entity requires */
export function readTable(metadata: EntityMetadata, catalog: Catalog): ReadTable {
  const found = catalog.tables.get(metadata.tableName);
  const columns = metadata.columns.map((column): ReadColumn => {
    return {
      property: column.propertyName,
      name: column.databaseName,
      meaning: meaningOf(column),
      optional: column.isNullable,
      type: found?.columns.get(column.databaseName)?.type ?? null,
    };
  });
  const [key] = metadata.primaryColumns;
  return {
    name: metadata.tableName,
    primary: columns.find(({ property }) => property === key?.propertyName) as ReadColumn,
    columns,
    referenced: found?.referenced ?? false,
    references: (column, other) =>
      (found?.foreignKeys ?? []).some(
        (foreign) =>
          foreign.column === column.name &&
          foreign.references === other.name &&
          foreign.referencedColumn === other.primary.name,
      ),
  };
}
