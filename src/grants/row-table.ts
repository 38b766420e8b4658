import type { EntityManager } from 'typeorm';
import { holdsId } from '../database/column-types.js';

/** `github_app_installation` as it is, which another program may have made. */
export interface RowTable {
  /** Its columns with their types. */
  readonly types: ReadonlyMap<string, string>;
  /** Tables, qualified and quoted, with the column that refers to the id of a row. */
  readonly referring: readonly { table: string; column: string }[];
}

const SELECT_COLUMNS = `
  SELECT attname AS name, format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL) AS type
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  WHERE attrelid = to_regclass('github_app_installation') AND attnum > 0 AND NOT attisdropped`;

const SELECT_REFERRING = `
  SELECT k.conrelid::regclass::text AS table, quote_ident(a.attname) AS column
  FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
  JOIN pg_attribute own ON own.attrelid = k.confrelid AND own.attnum = k.confkey[1]
  WHERE k.contype = 'f' AND k.confrelid = to_regclass('github_app_installation')
    AND cardinality(k.conkey) = 1 AND own.attname = 'id'`;

export async function readRowTable(manager: EntityManager): Promise<RowTable> {
  const columns: { name: string; type: string }[] = await manager.query(SELECT_COLUMNS);
  const referring: { table: string; column: string }[] = await manager.query(SELECT_REFERRING);
  return { types: new Map(columns.map(({ name, type }) => [name, type])), referring };
}

/** Whether this program's own tables of grants are there. */
export async function hasGrants(manager: EntityManager): Promise<boolean> {
  const [{ has }] = await manager.query(`SELECT to_regclass('github_link') IS NOT NULL AS has`);
  return has;
}

/** The type of a column, for a cast. */
export function typeOf({ types }: RowTable, column: string): string {
  return types.get(column) ?? 'text';
}

/** Whether a column can hold an id. */
export function holds(table: RowTable, column: string, id: string): boolean {
  return holdsId(typeOf(table, column), id);
}
