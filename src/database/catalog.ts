/** A column that this role may read. */
interface CatalogColumn {
  /** As `format_type` names it, without its modifier; of a domain, the type beneath. */
  readonly type: string;
  readonly nullable: boolean;
  readonly identity: boolean;
  /** Whether equal means the same bytes: `false` under a nondeterministic collation. */
  readonly exact: boolean;
}

/** A validated foreign key of one column, to a table that the search path finds. */
interface CatalogForeignKey {
  readonly column: string;
  readonly references: string;
  readonly referencedColumn: string;
}

interface CatalogIndex {
  readonly name: string;
  /** `false`: its build is under way, or was interrupted. */
  readonly valid: boolean;
  /** The first column; `null`: an expression. */
  readonly column: string | null;
  /** Whether it finds every row that equals a value of that column. */
  readonly findsAll: boolean;
}

/** A table, or what stands in its place under the same name: a view, a partitioned or a foreign table. */
export interface CatalogTable {
  readonly schema: string;
  readonly inCurrentSchema: boolean;
  /** Its qualified name, quoted where SQL needs it. */
  readonly qualified: string;
  readonly kind: 'table' | 'partitioned table' | 'view' | 'materialized view' | 'foreign table';
  /** Whether this role has the rights of the owner. */
  readonly owned: boolean;
  readonly rowSecurity: boolean;
  readonly columns: ReadonlyMap<string, CatalogColumn>;
  readonly unreadable: ReadonlySet<string>;
  /** Names of the primary, unique and foreign keys. */
  readonly constraints: ReadonlySet<string>;
  readonly foreignKeys: readonly CatalogForeignKey[];
  /** Whether a foreign key of another table refers to it. */
  readonly referenced: boolean;
  readonly indexes: readonly CatalogIndex[];
}

export interface Catalog {
  /** Quoted where SQL needs it. */
  readonly role: string;
  readonly searchPath: string;
  /** The schema in which tables are made, quoted where SQL needs it; `null`: the search path has none for this role. */
  readonly schema: string | null;
  readonly mayCreate: boolean;
  /** A standby, or a role whose transactions are read-only by default. */
  readonly readOnly: boolean;
  /** Schemas of the search path with tables of these names that this role may not use, quoted where SQL needs it. */
  readonly barred: readonly string[];
  /** Those that the search path finds, by name. */
  readonly tables: ReadonlyMap<string, CatalogTable>;
}

/** What a `DataSource` and a `QueryRunner` have in common. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<unknown>;
}

type Column = CatalogColumn & { name: string; readable: boolean };

interface Row extends Omit<CatalogTable, 'columns' | 'unreadable' | 'constraints'> {
  name: string;
  columns: Column[];
  constraints: string[];
}

const SELECT_ROLE = `
  SELECT quote_ident(current_user) AS role, current_setting('search_path') AS "searchPath",
    quote_ident(current_schema()) AS schema, current_setting('transaction_read_only')::boolean AS "readOnly",
    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS "mayCreate",
    (SELECT coalesce(json_agg(quote_ident(n.nspname)), '[]')
      FROM unnest(string_to_array(current_setting('search_path'), ',')) AS path (name)
      JOIN pg_namespace n ON n.nspname = replace(btrim(btrim(name), '"'), '$user', current_user)
      WHERE NOT has_schema_privilege(n.oid, 'USAGE') AND EXISTS (
        SELECT FROM pg_class c WHERE c.relnamespace = n.oid
          AND c.relname IN (SELECT json_array_elements_text($1::json)))) AS barred`;

const COLUMNS = `
  SELECT coalesce(json_agg(json_build_object(
    'name', a.attname,
    'type', (
      WITH RECURSIVE beneath AS (
        SELECT oid, typbasetype FROM pg_type WHERE oid = a.atttypid
        UNION ALL SELECT t.oid, t.typbasetype FROM pg_type t JOIN beneath b ON t.oid = b.typbasetype
      ) SELECT format_type(oid, NULL) FROM beneath WHERE typbasetype = 0
    ),
    'nullable', NOT a.attnotnull,
    'identity', a.attidentity <> '',
    'exact', coalesce((SELECT collisdeterministic FROM pg_collation WHERE oid = a.attcollation), true),
    'readable', has_column_privilege(c.oid, a.attnum, 'SELECT'))), '[]')
  FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped`;

const CONSTRAINTS = `
  SELECT coalesce(json_agg(conname), '[]') FROM pg_constraint
  WHERE conrelid = c.oid AND contype IN ('p', 'u', 'f')`;

const FOREIGN_KEYS = `
  SELECT coalesce(json_agg(json_build_object(
    'column', own.attname, 'references', r.relname, 'referencedColumn', other.attname)), '[]')
  FROM pg_constraint k JOIN pg_class r ON r.oid = k.confrelid
  JOIN pg_attribute own ON own.attrelid = k.conrelid AND own.attnum = k.conkey[1]
  JOIN pg_attribute other ON other.attrelid = k.confrelid AND other.attnum = k.confkey[1]
  WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.convalidated AND cardinality(k.conkey) = 1
    AND pg_table_is_visible(r.oid)`;

const INDEXES = `
  SELECT coalesce(json_agg(json_build_object(
    'name', x.relname, 'valid', i.indisvalid, 'column', a.attname,
    'findsAll', i.indpred IS NULL AND m.amname IN ('btree', 'hash'))), '[]')
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
  WHERE i.indrelid = c.oid`;

const SELECT_TABLES = `
  SELECT names.name, n.nspname AS schema, n.nspname = current_schema() AS "inCurrentSchema",
    format('%I.%I', n.nspname, c.relname) AS qualified,
    CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
      WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END AS kind,
    pg_has_role(c.relowner, 'USAGE') AS owned, row_security_active(c.oid) AS "rowSecurity",
    (${COLUMNS}) AS columns, (${CONSTRAINTS}) AS constraints, (${FOREIGN_KEYS}) AS "foreignKeys",
    EXISTS (SELECT FROM pg_constraint k WHERE k.confrelid = c.oid AND k.contype = 'f' AND k.conrelid <> c.oid) AS referenced,
    (${INDEXES}) AS indexes
  FROM json_array_elements_text($1::json) AS names (name)
  JOIN pg_class c ON c.oid = to_regclass(quote_ident(names.name))
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')`;

/** Describes the tables that the search path finds by these names. Any role may call it, and no table is locked. */
export async function readCatalog(database: Queryable, names: readonly string[]): Promise<Catalog> {
  const values = [JSON.stringify(names)];
  const [role] = (await database.query(SELECT_ROLE, values)) as [Omit<Catalog, 'tables'>];
  const rows = (await database.query(SELECT_TABLES, values)) as Row[];
  return { ...role, tables: new Map(rows.map((row) => [row.name, toTable(row)])) };
}

function toTable({ name: _, columns, constraints, ...table }: Row): CatalogTable {
  const readable = columns.filter((column) => column.readable);
  return {
    ...table,
    columns: new Map(readable.map(({ name, readable: _, ...column }) => [name, column])),
    unreadable: new Set(columns.filter((column) => !column.readable).map(({ name }) => name)),
    constraints: new Set(constraints),
  };
}
