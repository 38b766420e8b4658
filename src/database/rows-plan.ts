import { githubIdOf } from './column-types.js';
import { type Entity, keyedStatement, type MakePlan, type TableOf } from './read-plan.js';
import type { ReadTable } from './read-table.js';
import { jsonOfValues, type ReadColumn, rowsOf } from './row-values.js';

export interface RowsOptions {
  entity: Entity;
  /** The property that holds the key of a read. */
  by: string;
  /** The column set: the properties that a row brings; absent: all of them, and its facts. */
  columns?: readonly string[];
  /** The entity of the key: a key with an owner and no rows gives `[]`. Absent: it gives `null`. */
  owner?: Entity;
  facts?: FactsOptions;
  hidden?: HiddenOptions;
}

/** Another entity that hides rows which cannot be deleted, as tables of other programs refer to them. */
interface HiddenOptions {
  entity: Entity;
  /** Its property that has the primary key of a row. */
  row: string;
  /** Its property that is not null where the row is hidden. */
  by: string;
}

/** Another entity whose primary key is a number that a row has: `facts` of that row; `null`: there are none. */
interface FactsOptions {
  entity: Entity;
  /** The property of a row that has that number. */
  on: string;
  columns: readonly string[];
  /** Its properties that hide a row where they are not null. */
  hiddenBy: readonly string[];
}

interface Facts {
  readonly table: ReadTable;
  /** SQL of their primary key, of a row `r`. */
  readonly key: string;
  readonly hiddenBy: readonly ReadColumn[];
  readonly columns: readonly ReadColumn[];
}

/** Rows of an entity by one of its columns, ordered by primary key. */
export function rowsPlan<Row>(options: RowsOptions): MakePlan<Row[]> {
  return (tableOf) => {
    const { by, columns: set, owner } = options;
    const table = tableOf(options.entity);
    const keyColumn = table.columns.find(({ property }) => property === by) ?? table.primary;
    const columns = table.columns.filter(
      ({ property }) => property !== by && (!set || set.includes(property)),
    );
    const facts = options.facts ? factsOf(options.facts, table, tableOf) : null;
    const factColumns = set ? [] : (facts?.columns ?? []);
    const hidden = options.hidden ? hiddenSql(options.hidden, table, tableOf) : [];
    const rows = rowsSql({ table, by: keyColumn, columns, facts, factColumns, hidden });
    const ownerTable = owner ? tableOf(owner) : null;
    const keyType = (ownerTable?.primary ?? keyColumn).type ?? '';
    const found = ownerTable
      ? ofOwner(rows, table.references(keyColumn, ownerTable), ownerTable)
      : rows;
    const makeRows = rowsOf<Row>({ columns, facts: options.facts && factColumns, key: by });
    // A table of another program may be absent, or not readable.
    const isReadable = table.columns.every(({ optional, type }) => optional || type !== null);
    if (!isReadable)
      return { text: keyedStatement('text', 'NULL'), keyType: 'text', answerOf: makeRows };
    return { text: keyedStatement(keyType, found), keyType, answerOf: makeRows };
  };
}

/** @returns `null`: the table is absent, or not readable: nothing is hidden then */
function factsOf(
  { entity, on, columns, hiddenBy }: FactsOptions,
  rows: ReadTable,
  tableOf: TableOf,
): Facts | null {
  const table = tableOf(entity);
  const onColumn = rows.columns.find(({ property }) => property === on) as ReadColumn;
  const of = (properties: readonly string[]) =>
    table.columns.filter(({ property }) => properties.includes(property));
  const needed = [table.primary, ...of(hiddenBy)];
  if (needed.some(({ type }) => type === null)) return null;
  const key = githubIdOf(`r.${onColumn.name}`, onColumn.type ?? '');
  return {
    table,
    key,
    hiddenBy: of(hiddenBy),
    columns: [table.primary, ...of(columns)],
  };
}

/** @returns none where no table refers to the rows: nothing keeps them from being deleted, and the check costs nothing */
function hiddenSql(
  { entity, row, by }: HiddenOptions,
  rows: ReadTable,
  tableOf: TableOf,
): string[] {
  if (!rows.referenced) return [];
  const table = tableOf(entity);
  const [rowId, hiddenAt] = [row, by].map((name) =>
    table.columns.find(({ property, type }) => property === name && type !== null),
  );
  if (!rowId || !hiddenAt) return [];
  return [
    `NOT EXISTS (SELECT FROM ${table.name} h
      WHERE h.${rowId.name} = r.${rows.primary.name} AND h.${hiddenAt.name} IS NOT NULL)`,
  ];
}

interface RowsShape {
  table: ReadTable;
  by: ReadColumn;
  columns: readonly ReadColumn[];
  facts: Facts | null;
  factColumns: readonly ReadColumn[];
  /** Conditions. */
  hidden: readonly string[];
}

function rowsSql({ table, by, columns, facts, factColumns, hidden }: RowsShape): string {
  const conditions = [
    `r.${by.name} = k.id`,
    ...hidden,
    // A row of another program that lacks a value which the entity requires is left out.
    ...columns
      .filter(({ optional, meaning }) => !optional && meaning !== 'instant')
      .map(({ name }) => `r.${name} IS NOT NULL`),
  ];
  const isTheirs = facts && `f.${facts.table.primary.name} = ${facts.key}`;
  if (facts) {
    const hides = facts.hiddenBy.map(({ name }) => `f.${name} IS NOT NULL`).join(' OR ');
    // By the index of the few that are hidden; OFFSET 0 keeps the planner from a join, after which it may sort.
    conditions.push(
      `NOT EXISTS (SELECT FROM ${facts.table.name} f WHERE ${isTheirs} AND (${hides}) OFFSET 0)`,
    );
  }
  const joined = factColumns.length > 0 ? `LEFT JOIN ${facts?.table.name} f ON ${isTheirs}` : '';
  const values = [
    ...columns,
    ...factColumns.map((column) => ({ ...column, name: aliasOf(column) })),
  ];
  const names = [
    ...present(columns).map(({ name }) => `r.${name}`),
    ...present(factColumns).map((column) => `f.${column.name} AS ${aliasOf(column)}`),
  ];
  // A subselect, so that the index gives the order; aggregates by themselves sort.
  return `(
    SELECT '[' || string_agg(${jsonOfValues(values)}, ',') || ']' FROM (
      SELECT ${names.join(', ')} FROM ${table.name} r ${joined}
      WHERE ${conditions.join(' AND ')} ORDER BY r.${table.primary.name}
    ) i)`;
}

const aliasOf = ({ name }: ReadColumn) => `facts_${name}`;

function present(columns: readonly ReadColumn[]): readonly ReadColumn[] {
  return columns.filter(({ type }) => type !== null);
}

function ofOwner(rows: string, isReferenced: boolean, owner: ReadTable): string {
  const isThere = `FROM ${owner.name} WHERE ${owner.primary.name} = k.id`;
  // Where a foreign key says that the owner of a row exists, only those without rows are looked up.
  return isReferenced
    ? `coalesce(${rows}, (SELECT '[]' ${isThere} LIMIT 1))`
    : `CASE WHEN EXISTS (SELECT ${isThere}) THEN coalesce(${rows}, '[]') END`;
}
