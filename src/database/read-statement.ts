import type { ReadTable } from './read-table.js';
import { jsonOfRow, type ReadColumn } from './row-values.js';

export interface ReadShape {
  table: ReadTable;
  /** The column that holds the key of a read. */
  by: ReadColumn;
  columns: readonly ReadColumn[];
  /** The table that says whether there is anything by that key at all; `null`: the table itself does. */
  owner: ReadTable | null;
}

/**
 * SQL that reads the rows of several keys. Its parameter is a JSON array of keys: `pg` is slower to write a `text[]`.
 * It answers a row for each key: `key`, as text, and `rows`, the text of a JSON array, or NULL where there is nothing.
 */
export function readStatement({ table, by, columns, owner }: ReadShape): string {
  const needed = columns.filter(({ optional, nullable }) => nullable && !optional);
  const conditions = [
    `${by.name} = k.id`,
    // What the entity does not let be null, a row of another program may lack: such a row is none.
    ...needed
      .filter(({ meaning }) => meaning !== 'instant')
      .map(({ name }) => `${name} IS NOT NULL`),
  ];
  const names = columns.filter(({ type }) => type !== null).map(({ name }) => name);
  // A subselect, so that the index gives the order; aggregates by themselves sort.
  const rows = `(
    SELECT '[' || string_agg(${jsonOfRow(columns)}, ',') || ']' FROM (
      SELECT ${names.join(', ')} FROM ${table.name} WHERE ${conditions.join(' AND ')} ORDER BY ${table.primary.name}
    ) i)`;
  const type = (owner?.primary ?? by).type;
  return `SELECT k.id::text AS key, ${owner ? ofOwner(rows, table.references(by, owner), owner) : rows} AS rows
    FROM (SELECT id::${type} AS id FROM json_array_elements_text($1::json) AS id) k`;
}

function ofOwner(rows: string, isReferenced: boolean, owner: ReadTable): string {
  const isThere = `FROM ${owner.name} WHERE ${owner.primary.name} = k.id`;
  // Where a foreign key says that the owner of a row exists, only those without rows are looked up.
  return isReferenced
    ? `coalesce(${rows}, (SELECT '[]' ${isThere} LIMIT 1))`
    : `CASE WHEN EXISTS (SELECT ${isThere}) THEN coalesce(${rows}, '[]') END`;
}
