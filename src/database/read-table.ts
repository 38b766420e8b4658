import type { EntityMetadata } from 'typeorm';
import { meaningOf, type ReadColumn } from './row-values.js';

/** A table as reads use it. */
export interface ReadTable {
  readonly name: string;
  /** Reads are ordered by it. */
  readonly primary: ReadColumn;
  readonly columns: readonly ReadColumn[];
  /** Whether a foreign key says that a row of that other table exists for each row. */
  references(table: string): boolean;
}

export function readTable(metadata: EntityMetadata): ReadTable {
  const columns = metadata.columns.map(
    (column): ReadColumn => ({
      property: column.propertyName,
      name: column.databaseName,
      meaning: meaningOf(column),
      optional: column.isNullable,
      type: metadata.connection.driver.normalizeType(column),
      nullable: column.isNullable,
    }),
  );
  return {
    name: metadata.tableName,
    primary: columns.find(
      ({ property }) => property === metadata.primaryColumns[0]?.propertyName,
    ) as ReadColumn,
    columns,
    references: (table) =>
      metadata.foreignKeys.some(
        ({ referencedEntityMetadata }) => referencedEntityMetadata.tableName === table,
      ),
  };
}
