import type { ReadTable } from './read-table.js';
import { jsonOfValues, type ReadColumn } from './row-values.js';

export interface ReadShape {
  table: ReadTable;
  by: ReadColumn;
  columns: readonly ReadColumn[];
  /** The table that says whether there is anything by that key at all; `null`: the table itself does. */
  owner: ReadTable | null;
}

/**
 * SQL that reads the rows of several keys. `$1`: a JSON array of keys, as `pg` is slower to write a `text[]`. The
 * result is one row with one value, as each more costs `pg` more than PostgreSQL. `json`: an array of keys, each
 * followed by the array of all values of its rows. Keys without anything are left out; NULL: all of them are.
 */
export function readStatement({ table, by, columns, owner }: ReadShape): string {
  const needed = columns.filter(({ optional, nullable }) => nullable && !optional);
  const conditions = [
    `${by.name} = k.id`,
    // A row of another program that lacks a value which the entity requires is left out.
    ...needed
      .filter(({ meaning }) => meaning !== 'instant')
      .map(({ name }) => `${name} IS NOT NULL`),
  ];
  const names = columns.filter(({ type }) => type !== null).map(({ name }) => name);
  // A subselect, so that the index gives the order; aggregates by themselves sort.
  const rows = `(
    SELECT '[' || string_agg(${jsonOfValues(columns)}, ',') || ']' FROM (
      SELECT ${names.join(', ')} FROM ${table.name} WHERE ${conditions.join(' AND ')} ORDER BY ${table.primary.name}
    ) i)`;
  const type = (owner?.primary ?? by).type;
  const values = owner ? ofOwner(rows, table.references(by, owner), owner) : rows;
  return `SELECT '[' || string_agg(to_json(k.id::text)::text || ',' || ${values}, ',') || ']' AS json
    FROM (SELECT id::${type} AS id FROM json_array_elements_text($1::json) AS id) k`;
}

/** SQL that fails where `$1`, as above, has what is no value of this type in this database. */
export function keyStatement(type: string): string {
  return `SELECT id::${type} FROM json_array_elements_text($1::json) AS id`;
}

function ofOwner(rows: string, isReferenced: boolean, owner: ReadTable): string {
  const isThere = `FROM ${owner.name} WHERE ${owner.primary.name} = k.id`;
  // Where a foreign key says that the owner of a row exists, only those without rows are looked up.
  return isReferenced
    ? `coalesce(${rows}, (SELECT '[]' ${isThere} LIMIT 1))`
    : `CASE WHEN EXISTS (SELECT ${isThere}) THEN coalesce(${rows}, '[]') END`;
}
