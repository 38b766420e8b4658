import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { loadConfig } from '../../src/config.js';
import { type Catalog, readCatalog } from '../../src/database/catalog.js';
import { createPool } from '../../src/database/create-pool.js';
import { createDataSource } from '../../src/database/data-source.js';
import { createDatabase, describeOnEachDatabase, type TestDatabase } from '../helpers/databases.js';
import { FIRST_USER, tablesOf } from '../helpers/other-tables.js';

const NAMES = ['neptun_user', 'github_app_installation'];

describeOnEachDatabase('The catalog', (kind) => {
  let database: TestDatabase;
  let dataSource: DataSource;
  beforeAll(async () => {
    database = await createDatabase(kind);
    const pool = createPool(loadConfig(database.env), () => {});
    dataSource = await createDataSource(pool, [], () => pool.end()).initialize();
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.remove();
  });

  const catalogOf = async (sql: string): Promise<Catalog> => {
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    try {
      await runner.query(sql);
      return await readCatalog(runner, NAMES);
    } finally {
      await runner.rollbackTransaction();
      await runner.release();
    }
  };
  const installationsOf = async (sql: string) =>
    (await catalogOf(sql)).tables.get('github_app_installation');

  test('of an empty database says where tables would be made', async () => {
    expect(await catalogOf('SELECT 1')).toEqual({
      role: expect.stringMatching(/^\w+$/),
      searchPath: expect.stringContaining('public'),
      schema: 'public',
      mayCreate: true,
      readOnly: false,
      barred: [],
      tables: new Map(),
    });
  });

  test('says what the first user’s tables are', async () => {
    const { tables } = await catalogOf(tablesOf());
    const column = { type: 'integer', nullable: false, identity: false, exact: true };
    expect(tables.get('neptun_user')).toMatchObject({
      schema: 'public',
      inCurrentSchema: true,
      qualified: 'public.neptun_user',
      kind: 'table',
      owned: true,
      rowSecurity: false,
      unreadable: new Set(),
      constraints: new Set(['neptun_user_pkey']),
      foreignKeys: [],
    });
    expect([...(tables.get('neptun_user')?.columns ?? [])]).toEqual([
      ['id', column],
      ['primary_email', { ...column, type: 'text' }],
      ['created_at', { ...column, type: 'timestamp without time zone', nullable: true }],
      ['updated_at', { ...column, type: 'timestamp without time zone', nullable: true }],
    ]);
    expect(tables.get('github_app_installation')?.indexes).toEqual([
      { name: 'github_app_installation_pkey', valid: true, column: 'id', findsAll: true },
    ]);
  });

  test('names the type beneath a domain, without its modifier', async () => {
    const table = await installationsOf(`
      CREATE DOMAIN id AS varchar(40); CREATE DOMAIN user_id AS id NOT NULL;
      ${tablesOf({ userId: 'user_id', time: 'timestamptz(0)' })}`);
    expect(table?.columns.get('neptun_user_id')?.type).toBe('character varying');
    expect(table?.columns.get('created_at')?.type).toBe('timestamp with time zone');
  });

  test('has the foreign keys that hold for every row, to tables that are seen', async () => {
    const keyed = (reference: string) => installationsOf(tablesOf({ reference }));
    const references = 'REFERENCES neptun_user (id)';
    expect((await keyed(references))?.foreignKeys).toEqual([
      { column: 'neptun_user_id', references: 'neptun_user', referencedColumn: 'id' },
    ]);
    const later = `${tablesOf()} ALTER TABLE github_app_installation
      ADD FOREIGN KEY (neptun_user_id) ${references} NOT VALID`;
    expect((await installationsOf(later))?.foreignKeys).toEqual([]);
    const elsewhere = `CREATE SCHEMA other; CREATE TABLE other.neptun_user (id integer PRIMARY KEY);
      ${tablesOf({ reference: 'REFERENCES other.neptun_user (id)' })}`;
    expect((await installationsOf(elsewhere))?.foreignKeys).toEqual([]);
  });

  test('tells an index that finds all from one that does not', async () => {
    const table = await installationsOf(`${tablesOf()}
      CREATE INDEX a ON github_app_installation (neptun_user_id, created_at);
      CREATE INDEX b ON github_app_installation (neptun_user_id) WHERE created_at IS NULL;
      CREATE INDEX c ON github_app_installation USING brin (neptun_user_id);
      CREATE INDEX d ON github_app_installation ((neptun_user_id + 1));
      UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'a'::regclass`);
    const others = table?.indexes.filter(({ name }) => name.length === 1);
    expect(others?.sort((one, other) => one.name.localeCompare(other.name))).toEqual([
      { name: 'a', valid: false, column: 'neptun_user_id', findsAll: true },
      { name: 'b', valid: true, column: 'neptun_user_id', findsAll: false },
      { name: 'c', valid: true, column: 'neptun_user_id', findsAll: false },
      { name: 'd', valid: true, column: null, findsAll: true },
    ]);
  });

  test('has what stands in the place of a table', async () => {
    const view = await catalogOf(`CREATE SCHEMA "Their app"; SET search_path = "Their app";
      ${tablesOf(FIRST_USER)} SET search_path = public;
      CREATE VIEW neptun_user AS SELECT * FROM "Their app".neptun_user;
      CREATE MATERIALIZED VIEW github_app_installation AS SELECT * FROM "Their app".github_app_installation`);
    expect([...view.tables.values()].map((table) => table.kind).sort()).toEqual([
      'materialized view',
      'view',
    ]);
    const partitioned = await installationsOf(
      'CREATE TABLE github_app_installation (id integer) PARTITION BY HASH (id)',
    );
    expect(partitioned?.kind).toBe('partitioned table');
    expect(await installationsOf('CREATE TYPE github_app_installation AS (id integer)')).toBe(
      undefined,
    );
  });
});
