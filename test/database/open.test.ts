import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import { createPool } from '../../src/database/create-pool.js';
import { createDataSource } from '../../src/database/data-source.js';
import { migrateAll } from '../../src/database/migrate.js';
import type { Pool } from '../../src/database/pool.js';
import { inspectTables } from '../../src/database/tables.js';
import { ENTITIES } from '../../src/entities.js';
import { createDatabase, describeOnEachDatabase, type TestDatabase } from '../helpers/databases.js';
import { open } from '../helpers/open-database.js';
import { tablesOf } from '../helpers/other-tables.js';

const ADVICE = expect.stringContaining(
  'run CREATE INDEX CONCURRENTLY github_app_installation_read_idx ON public.github_app_installation (neptun_user_id, id)',
);

const EMPTY =
  'DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS theirs CASCADE; CREATE SCHEMA public;';
/** As `--fake` recorded it. */
const HISTORY = `CREATE TABLE installations_server_migration (
    id serial PRIMARY KEY, "timestamp" bigint NOT NULL, name varchar NOT NULL);
  INSERT INTO installations_server_migration ("timestamp", name)
    VALUES (1711000000000, 'CreateUsersAndInstallations1711000000000')`;

describeOnEachDatabase('A start', (kind) => {
  let database: TestDatabase;
  let pool: Pool;
  beforeAll(async () => {
    database = await createDatabase(kind);
    pool = createPool(loadConfig(database.env), () => {});
  });
  afterAll(async () => {
    await pool.end();
    await database.remove();
  });
  const openWith = async (sql: string) => {
    await pool.query({ text: `${EMPTY}${sql}` });
    return open(pool);
  };

  test('makes tables where there are none, and says so', async () => {
    const { fault, catalog, log, unchanged } = await openWith('SELECT 1');
    expect([fault, unchanged]).toEqual(['', false]);
    expect(catalog?.tables.get('neptun_user')?.columns.get('id')).toMatchObject({ type: 'text' });
    expect(log).toEqual([
      'migrations applied',
      {
        tables: 'of this program',
        schema: 'public',
        userIds: 'text',
        githubInstallationIds: 'bigint',
        times: 'timestamp with time zone',
        readIndex: 'github_app_installation_read_idx',
      },
    ]);
  });

  test('alters nothing of the first user’s tables, and says what it found', async () => {
    const { fault, catalog, log, unchanged } = await openWith(tablesOf());
    expect([fault, unchanged]).toEqual(['', true]);
    expect(catalog?.tables.get('neptun_user')?.columns.get('id')).toMatchObject({
      type: 'integer',
    });
    expect(log).toEqual([
      {
        tables: 'of another program',
        schema: 'public',
        userIds: 'integer',
        githubInstallationIds: 'integer',
        times: 'timestamp without time zone',
        readIndex: null,
      },
      ADVICE,
    ]);
  });

  test('is not misled by a history that says our migrations were applied', async () => {
    const { fault, log, unchanged } = await openWith(`${tablesOf()}${HISTORY}`);
    expect([fault, unchanged]).toEqual(['', true]);
    expect(log[0]).toMatchObject({ tables: 'of another program' });
  });

  test.each([1, 2, 3])(
    'takes tables for ours that another instance makes before its look number %i',
    async (look) => {
      await pool.query({ text: EMPTY });
      const dataSource = await createDataSource(pool, ENTITIES).initialize();
      let looks = 0;
      const { origin, pending } = await inspectTables({
        async query(text, values) {
          looks++;
          if (looks === look) await migrateAll(dataSource);
          return dataSource.query(text, values);
        },
      });
      const all = dataSource.migrations.length;
      expect([
        ['absent', all],
        ['own', 0],
      ]).toContainEqual([origin, pending.length]);
    },
  );

  test('cannot be gone around: TypeORM’s own commands are refused on tables of another program', async () => {
    await openWith(`${tablesOf()}${HISTORY}`);
    const dataSource = await createDataSource(pool, ENTITIES).initialize();
    const commands = [
      dataSource.runMigrations({ fake: true }),
      dataSource.undoLastMigration(),
      dataSource.showMigrations(),
    ];
    const refused = await Promise.allSettled(commands);
    expect(refused.map(({ status }) => status)).toEqual(commands.map(() => 'rejected'));
    await expect(commands[0]).rejects.toThrow('npm run cli -- migrate --adopt');
    expect((await open(pool)).fault).toBe('');
    const history = await pool.query({ text: 'SELECT * FROM installations_server_migration' });
    expect(history.rows).toHaveLength(1);
  });

  test.each([
    [
      'a missing table',
      'DROP TABLE github_app_installation',
      /^ {2}github_app_installation is missing: make it, or set search_path/m,
    ],
    [
      'a missing column',
      'ALTER TABLE neptun_user DROP updated_at',
      /^ {2}public\.neptun_user\.updated_at is missing: add it, as timestamp with time zone or/m,
    ],
    [
      'a type without meaning',
      'ALTER TABLE github_app_installation ALTER github_installation_id TYPE boolean USING true',
      /^ {2}public\.github_app_installation\.github_installation_id is boolean, and must be smallint or .*: change it, or let/m,
    ],
    [
      'an id of another family',
      'ALTER TABLE github_app_installation ALTER neptun_user_id TYPE text',
      /^ {2}public\.github_app_installation\.neptun_user_id is text, and must be smallint or integer or bigint as what/m,
    ],
    [
      'times that are text',
      'ALTER TABLE neptun_user ALTER created_at DROP DEFAULT, ALTER created_at TYPE text',
      /^ {2}public\.neptun_user\.created_at is text, and must be timestamp with/m,
    ],
    [
      'a row’s id that is text',
      'ALTER TABLE github_app_installation ALTER id DROP DEFAULT, ALTER id TYPE text',
      /^ {2}public\.github_app_installation\.id is text, and must be smallint or integer or bigint: /m,
    ],
  ])('ends at %s, and names it with its remedy', async (_name, change, fault) => {
    const opened = await openWith(`${tablesOf()}${change}`);
    expect(opened.fault).toMatch(/^The tables cannot be served:\n/);
    expect(opened.fault).toMatch(fault);
    expect(opened.unchanged).toBe(true);
  });

  test('names every fault at once', async () => {
    const { fault } = await openWith(
      `${tablesOf()} ALTER TABLE neptun_user DROP created_at, DROP updated_at`,
    );
    expect(fault.split('\n')).toHaveLength(3);
  });

  test('serves a view that casts what could not be served', async () => {
    const { fault } = await openWith(`${tablesOf({ userId: 'numeric(10, 0)' })}`);
    expect(fault).toMatch('neptun_user.id is numeric');
    const { log } = await openWith(`CREATE SCHEMA theirs; SET search_path = theirs;
      ${tablesOf({ userId: 'numeric(10, 0)' })} SET search_path = public;
      CREATE VIEW neptun_user AS SELECT id::text AS id, created_at, updated_at FROM theirs.neptun_user;
      CREATE VIEW github_app_installation AS SELECT id, neptun_user_id::text AS neptun_user_id,
        github_installation_id, created_at, updated_at FROM theirs.github_app_installation`);
    // No index is made for a view.
    expect(log).toEqual([expect.objectContaining({ userIds: 'text' })]);
  });
});
