import { loadConfig } from '../../src/config.js';
import { createPool } from '../../src/database/create-pool.js';
import type { TestDatabase } from './databases.js';

/** Types of the columns that decide how rows are read. */
export interface ColumnTypes {
  userId: string;
  /** With its constraints. */
  time: string;
  githubId: string;
  /** Further columns, each with a comma before it. */
  more: string;
  /** Constraints of an installation's user. */
  reference: string;
}

/** The types of the first user's tables. */
export const FIRST_USER: ColumnTypes = {
  userId: 'serial',
  time: 'timestamp DEFAULT now()',
  githubId: 'integer NOT NULL',
  more: `, github_account_id integer NOT NULL, github_account_type text NOT NULL,
    github_account_avatar_url text NOT NULL, github_account_name text`,
  reference: '',
};

const REFERRING: Record<string, string> = { serial: 'integer', bigserial: 'bigint' };

/** SQL of the tables as another program makes them: without a unique key and without an index for reads. */
export function tablesOf(types: Partial<ColumnTypes> = {}): string {
  const { userId, time, githubId, more, reference } = { ...FIRST_USER, ...types };
  return `
    CREATE TABLE neptun_user (
      id ${userId} PRIMARY KEY, primary_email text NOT NULL, created_at ${time}, updated_at ${time});
    CREATE TABLE github_app_installation (
      id serial PRIMARY KEY, neptun_user_id ${REFERRING[userId] ?? userId} NOT NULL ${reference},
      github_installation_id ${githubId}${more}, created_at ${time}, updated_at ${time});`;
}

/** Runs statements as another program would: on the database itself, while no server has the embedded one. */
export async function execute<Row>({ env }: TestDatabase, text: string): Promise<Row[]> {
  const pool = createPool(loadConfig(env), () => {});
  try {
    return (await pool.query<Row>({ text })).rows;
  } finally {
    await pool.end();
  }
}

/** SQL for everything there is in the schemas of a database: what may not change where tables are another program's. */
export const DUMP = `
  SELECT n.nspname, c.relname, c.relkind, c.relacl::text, c.relowner::regrole::text AS owner,
    pg_get_indexdef(c.oid) AS index,
    (SELECT json_agg(json_build_array(attname, atttypid::regtype, atttypmod, attnotnull, attidentity,
       pg_get_expr(d.adbin, d.adrelid)) ORDER BY attnum)
     FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum
     WHERE attrelid = c.oid AND attnum > 0)::text AS columns,
    (SELECT json_agg(json_build_array(conname, pg_get_constraintdef(oid)) ORDER BY conname)
     FROM pg_constraint WHERE conrelid = c.oid)::text AS constraints
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  ORDER BY 1, 2`;

export const dumpCatalog = (database: TestDatabase) => execute<{ relname: string }>(database, DUMP);
