import { type Entity, keyedStatement, type MakePlan } from './read-plan.js';
import { jsonOfValues, rowsOf } from './row-values.js';

export interface PageOptions {
  entity: Entity;
  /** The property by which rows are of one list. */
  of: string;
  /** The property by whose lower case they are ordered, and then by primary key. */
  by: string;
  /** The property, a boolean, of rows that are in no list. */
  except: string;
}

/** A page of a list, as text: it is the key of a read. */
export interface PageKey {
  /** A bigint, as digits. */
  list: string;
  /** Rows at most. */
  limit: number;
  /** The order of the row before the page, by `lower` and primary key; `null`: the page is the first. */
  after: readonly [lower: string, id: string] | null;
  counted: boolean;
}

export interface Page<Row> {
  rows: Row[];
  /** `null`: not counted. */
  total: number | null;
}

export function keyOfPage({ list, limit, after, counted }: PageKey): string {
  // Less than any row of the list.
  const [lower, id] = after ?? ['', '0'];
  return JSON.stringify([list, limit, lower, id, counted]);
}

/** Pages of the lists of an entity: what stays in a list is on one page, whatever is added or removed meanwhile. */
export function pagePlan<Row>(options: PageOptions): MakePlan<Page<Row>> {
  return (tableOf) => {
    const table = tableOf(options.entity);
    const column = (name: string) => table.columns.find(({ property }) => property === name)?.name;
    const columns = table.columns.filter(({ property }) => property !== options.of);
    const names = columns.filter(({ type }) => type !== null).map(({ name }) => name);
    const id = table.primary.name;
    const lower = `lower(${column(options.by)} COLLATE "C")`;
    const ofList = `FROM ${table.name}
      WHERE ${column(options.of)} = (k.id::json->>0)::bigint AND NOT ${column(options.except)}`;
    const total = `CASE WHEN (k.id::json->>4)::boolean THEN (SELECT count(*) ${ofList})::text ELSE 'null' END`;
    const rows = `(
      SELECT string_agg(${jsonOfValues(columns)}, ',') FROM (
        SELECT ${names.join(', ')} ${ofList}
          AND (${lower}, ${id}) > ((k.id::json->>2) COLLATE "C", (k.id::json->>3)::bigint)
        ORDER BY ${lower}, ${id} LIMIT (k.id::json->>1)::integer
      ) i)`;
    const isReadable = table.columns.every(({ optional, type }) => optional || type !== null);
    const found = isReadable ? `'[' || ${total} || coalesce(',' || ${rows}, '') || ']'` : 'NULL';
    const makeRows = rowsOf<Row>({ columns });
    return {
      text: keyedStatement('text', found),
      keyType: 'text',
      answerOf: (key, [counted, ...values]) => ({
        rows: makeRows(key, values),
        total: counted as number | null,
      }),
    };
  };
}
