import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createDatabase, describeOnPostgres, type TestDatabase } from '../helpers/databases.js';
import { openOnce } from '../helpers/open-database.js';
import { execute, tablesOf } from '../helpers/other-tables.js';

describeOnPostgres('A start', () => {
  let database: TestDatabase;
  let role: string;
  beforeEach(async () => {
    database = await createDatabase('PostgreSQL');
    role = `role_${randomUUID().replaceAll('-', '')}`;
    await admin(`REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE ${role} LOGIN`);
  });
  afterEach(async () => {
    await admin(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    await database.remove();
  });
  const admin = <Row>(text: string) => execute<Row>(database, text);
  const openAs = (user: string, options = '') => {
    const url = new URL(database.env.DATABASE_URL ?? '');
    url.username = user;
    if (options) url.searchParams.set('options', options);
    return openOnce({ ...database.env, DATABASE_URL: url.href });
  };
  const grantReads = () => admin(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`);

  test('needs no more than SELECT on tables of another program', async () => {
    await admin(tablesOf());
    await grantReads();
    expect(await openAs(role)).toMatchObject({ fault: '', unchanged: true });
  });

  test('needs no more than SELECT on our own tables, whose history may be secret', async () => {
    await openAs('postgres');
    await grantReads();
    const all = await openAs(role);
    expect(all).toMatchObject({ fault: '', unchanged: true });
    expect(all.log).toEqual([expect.objectContaining({ tables: 'of this program' })]);
    await admin(`REVOKE SELECT ON installations_server_migration FROM ${role}`);
    expect(await openAs(role)).toEqual(all);
  });

  test('serves without a migration that its role may not apply, and says how to apply it', async () => {
    await openAs('postgres');
    await admin(`DELETE FROM installations_server_migration WHERE name LIKE 'IndexReads%'`);
    await grantReads();
    const { fault, log, unchanged } = await openAs(role);
    expect([fault, unchanged]).toEqual(['', true]);
    expect(log[1]).toMatch(
      new RegExp(
        `^Pending: IndexReads\\d+, which ${role} may not apply: run npm run cli -- migrate `,
      ),
    );
    expect(log).toHaveLength(2);
  });

  test('of a read-only session serves what is there, and says where to migrate', async () => {
    const readOnly = '-c default_transaction_read_only=on';
    const empty = await openAs('postgres', readOnly);
    expect(empty.unchanged).toBe(true);
    expect(empty.fault).toMatch(
      /has none of them, and this session may not make them: it is read-only/,
    );
    await openAs('postgres');
    await admin(`DELETE FROM installations_server_migration WHERE name LIKE 'IndexReads%'`);
    const { fault, log, unchanged } = await openAs('postgres', readOnly);
    expect([fault, unchanged]).toEqual(['', true]);
    expect(log[1]).toMatch(
      /^Pending: IndexReads\d+, which this session may not apply: it is read-only/,
    );
  });

  test('says how to get an index of ours that was dropped', async () => {
    await openAs('postgres');
    await admin('DROP INDEX github_app_installation_read_idx');
    const { log } = await openAs('postgres');
    expect(log[1]).toMatch(/: run CREATE INDEX CONCURRENTLY .* updated_at\)$/);
  });

  test('ends where it may read nothing, with the statement that lets it', async () => {
    await admin(tablesOf());
    const { fault, unchanged } = await openAs(role);
    expect(unchanged).toBe(true);
    expect(fault).toBe(
      `The tables cannot be served:
  public.neptun_user is not readable by this role: GRANT SELECT ON public.neptun_user TO ${role}
  public.github_app_installation is not readable by this role: GRANT SELECT ON public.github_app_installation TO ${role}`,
    );
    for (const [statement] of fault.matchAll(/GRANT .*/g)) await admin(statement);
    expect((await openAs(role)).fault).toBe('');
  });

  test('needs a right to the columns that it reads alone', async () => {
    await admin(`${tablesOf()} GRANT SELECT (id, created_at) ON neptun_user TO ${role};
      GRANT SELECT (id, neptun_user_id, github_installation_id, created_at, updated_at)
        ON github_app_installation TO ${role}`);
    const { fault } = await openAs(role);
    const [statement] =
      /GRANT SELECT \(updated_at\) ON public\.neptun_user TO .*/.exec(fault) ?? [];
    await admin(statement ?? '');
    const { fault: none, log, catalog } = await openAs(role);
    expect(none).toBe('');
    // What may be absent is served as if it were.
    expect(log).toContainEqual(
      expect.stringMatching(
        /^public\.github_app_installation: github_account_id, .* are served as null: GRANT SELECT \(github_account_id, /,
      ),
    );
    expect(catalog?.tables.get('github_app_installation')?.columns.size).toBe(5);
  });

  test('ends where there are no tables, and it may make none', async () => {
    const { fault } = await openAs(role);
    expect(fault).toMatch(`this role may not make them: GRANT CREATE ON SCHEMA public TO ${role}`);
    await admin(`GRANT CREATE ON SCHEMA public TO ${role}`);
    expect(await openAs(role)).toMatchObject({ fault: '', unchanged: false });
  });

  test('ends where it may not use the schema that has the tables, and makes no others', async () => {
    await admin(`CREATE SCHEMA "Their app"; SET search_path = "Their app"; ${tablesOf()}
      GRANT SELECT ON ALL TABLES IN SCHEMA "Their app" TO ${role};
      GRANT CREATE ON SCHEMA public TO ${role}`);
    const options = '-c search_path="Their\\ app",public';
    const { fault, unchanged } = await openAs(role, options);
    expect(unchanged).toBe(true);
    const [statement = ''] = /GRANT USAGE ON SCHEMA "Their app" TO .*/.exec(fault) ?? [];
    await admin(statement);
    expect(await openAs(role, options)).toMatchObject({ fault: '', unchanged: true });
  });

  test('finds a view whose owner lacks a right', async () => {
    await admin(`CREATE SCHEMA theirs; SET search_path = theirs; ${tablesOf()} SET search_path = public;
      CREATE VIEW neptun_user AS SELECT * FROM theirs.neptun_user;
      CREATE VIEW github_app_installation AS SELECT * FROM theirs.github_app_installation;
      CREATE ROLE ${role}_owner; ALTER VIEW neptun_user OWNER TO ${role}_owner`);
    await grantReads();
    const { fault } = await openAs(role);
    await admin(`DROP OWNED BY ${role}_owner; DROP ROLE ${role}_owner`);
    expect(fault).toMatch(
      /public\.neptun_user cannot be read: permission denied for table neptun_user/,
    );
  });

  test('warns of row-level security', async () => {
    await admin(`${tablesOf()} ALTER TABLE neptun_user ENABLE ROW LEVEL SECURITY`);
    await grantReads();
    const { fault, log } = await openAs(role);
    expect(fault).toBe('');
    expect(log).toContainEqual(
      expect.stringContaining('public.neptun_user has row-level security'),
    );
  });

  test('says how a partitioned table gets its index', async () => {
    await admin(`${tablesOf()} DROP TABLE github_app_installation;
      CREATE TABLE github_app_installation (id integer, neptun_user_id integer, github_installation_id bigint,
        created_at timestamptz, updated_at timestamptz) PARTITION BY HASH (neptun_user_id)`);
    const { fault, log } = await openAs('postgres');
    expect(fault).toBe('');
    expect(log[1]).toMatch('ON ONLY public.github_app_installation');
  });

  test('refuses ids under a collation that takes different ones for the same', async () => {
    await admin(`CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      ${tablesOf({ userId: 'text COLLATE blind' })}`);
    const { fault } = await openAs('postgres');
    expect(fault.match(/has a collation under which different ids are equal/g)).toHaveLength(2);
  });

  test.each(['the connection', 'the role'])(
    'uses the schema in the search path of %s',
    async (of) => {
      await admin(`${tablesOf()} CREATE SCHEMA "Their app" AUTHORIZATION ${role}`);
      if (of === 'the role') await admin(`ALTER ROLE ${role} SET search_path = "Their app"`);
      const options = of === 'the role' ? '' : '-c search_path="Their\\ app"';
      const first = await openAs(role, options);
      expect(first.log).toEqual([
        'migrations applied',
        expect.objectContaining({
          tables: 'of this program',
          schema: 'Their app',
          userIds: 'text',
        }),
      ]);
      expect(await openAs(role, options)).toMatchObject({ fault: '', unchanged: true });
      // The other schema has the two tables that it had.
      const inPublic = await admin("SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
      expect(inPublic).toHaveLength(2);
    },
  );

  test('makes no second tables where ours are in a later schema of the search path', async () => {
    await openAs('postgres');
    await admin(`CREATE SCHEMA app; DROP INDEX github_app_installation_read_idx;
      DELETE FROM installations_server_migration WHERE name LIKE 'IndexReads%'`);
    const opened = await openAs('postgres', '-c search_path=app,public');
    expect(opened).toMatchObject({ fault: '', unchanged: true });
  });
});
