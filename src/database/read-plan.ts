import type { ReadTable } from './read-table.js';

export type Entity = new () => object;

/** How the answer for each of several keys is read, on the tables as they are. */
export interface ReadPlan<Answer> {
  /**
   * SQL of one row with one value, as each more costs `pg` more than PostgreSQL. `$1`: a JSON array of keys, as `pg` is
   * slower to write a `text[]`. `json`: an array of keys, each followed by an array of what is found by it. Keys without
   * anything are left out; NULL: all of them are.
   */
  readonly text: string;
  readonly keyType: string;
  answerOf(key: string, found: readonly unknown[]): Answer;
}

export type TableOf = (entity: Entity) => ReadTable;
export type MakePlan<Answer> = (tableOf: TableOf) => ReadPlan<Answer>;

/** SQL of a plan's text. @param found SQL of what is found by `k.id`, an array as JSON; NULL: nothing */
export function keyedStatement(keyType: string, found: string): string {
  return `SELECT '[' || string_agg(to_json(k.id::text)::text || ',' || ${found}, ',') || ']' AS json
    FROM (SELECT id::${keyType} AS id FROM json_array_elements_text($1::json) AS id) k`;
}

/** SQL that fails where `$1`, as above, has what is no value of this type in this database. */
export function keyStatement(type: string): string {
  return `SELECT id::${type} FROM json_array_elements_text($1::json) AS id`;
}
