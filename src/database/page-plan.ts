import { type Entity, keyedStatement, type MakePlan, type TableOf } from './read-plan.js';
import type { ReadTable } from './read-table.js';
import { jsonOfValues, rowsOf } from './row-values.js';

export interface PageOptions {
  entity: Entity;
  /** The property by which rows are of one list. */
  of: string;
  /** The property by whose lower case they are ordered, and then by primary key. */
  by: string;
  /** The property, a boolean, of rows that are in the list for some viewers alone. */
  except: string;
  shown: ShownOptions;
}

/** Another entity, of which one row at most says what a viewer is shown of a list beside the rest. Its properties: */
interface ShownOptions {
  entity: Entity;
  viewer: string;
  list: string;
  /** An array of primary keys. */
  ids: string;
  /** Until when. */
  until: string;
  /** Of that row, with its value. */
  kind: readonly [property: string, value: string];
}

/** A page of a list, as text: it is the key of a read. */
export interface PageKey {
  /** A bigint, as digits. */
  list: string;
  viewer: string;
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

export function keyOfPage({ list, viewer, limit, after, counted }: PageKey): string {
  // Less than any row of the list.
  const [lower, id] = after ?? ['', '0'];
  return JSON.stringify([list, limit, lower, id, counted, viewer]);
}

const LIST = '(k.id::json->>0)::bigint';
const LIMIT = '(k.id::json->>1)::integer';

/** Pages of the lists of an entity: what stays in a list is on one page, whatever is added or removed meanwhile. */
export function pagePlan<Row>(options: PageOptions): MakePlan<Page<Row>> {
  return (tableOf) => {
    const table = tableOf(options.entity);
    const column = nameIn(table);
    const columns = table.columns.filter(({ property }) => property !== options.of);
    const names = columns.filter(({ type }) => type !== null).map(({ name }) => `r.${name}`);
    const order = (row: string) =>
      `lower(${row}.${column(options.by)} COLLATE "C"), ${row}.${table.primary.name}`;
    const isPrivate = `r.${column(options.except)}`;
    const ofList = `r.${column(options.of)} = ${LIST}`;
    const parts = [
      `FROM ${table.name} r WHERE ${ofList} AND NOT ${isPrivate}`,
      ...shownSql(options.shown, table, tableOf).map(
        (shown) => `${shown} AND ${ofList} AND ${isPrivate}`,
      ),
    ];
    const total = `CASE WHEN (k.id::json->>4)::boolean
      THEN (${parts.map((part) => `(SELECT count(*) ${part})`).join(' + ')})::text ELSE 'null' END`;
    // Each part by its own index, so that none is read beyond the page.
    const pages = parts.map(
      (part) => `(SELECT ${names.join(', ')} ${part}
        AND (${order('r')}) > ((k.id::json->>2) COLLATE "C", (k.id::json->>3)::bigint)
        ORDER BY ${order('r')} LIMIT ${LIMIT})`,
    );
    const rows = `(
      SELECT string_agg(${jsonOfValues(columns)}, ',') FROM (
        SELECT * FROM (${pages.join(' UNION ALL ')}) p ORDER BY ${order('p')} LIMIT ${LIMIT}
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

/** @returns none where the table is absent, or not readable: its viewers are shown nothing then */
function shownSql(options: ShownOptions, rows: ReadTable, tableOf: TableOf): string[] {
  const table = tableOf(options.entity);
  if (table.columns.some(({ type }) => type === null)) return [];
  const column = nameIn(table);
  const [kind, value] = options.kind;
  return [
    // Each by its primary key: OFFSET 0 keeps a planner without statistics from comparing all with all.
    `FROM ${table.name} s CROSS JOIN LATERAL unnest(s.${column(options.ids)}) AS shown (id)
      CROSS JOIN LATERAL (SELECT * FROM ${rows.name} WHERE ${rows.primary.name} = shown.id OFFSET 0) r
      WHERE s.${column(options.viewer)} = k.id::json->>5 AND s.${column(options.list)} = ${LIST}
        AND s.${column(kind)} = '${value}' AND s.${column(options.until)} > now()`,
  ];
}

function nameIn({ columns }: ReadTable): (property: string) => string | undefined {
  return (name) => columns.find(({ property }) => property === name)?.name;
}
