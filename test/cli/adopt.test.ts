import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { createDatabase, describeOnPostgres, type TestDatabase } from '../helpers/databases.js';
import { dumpCatalog, execute, tablesOf } from '../helpers/other-tables.js';
import { cli, type Ended, startCli, until } from './process.js';

const ADOPT = ['migrate', '--adopt'];
const INDEX = 'github_app_installation_read_idx';
const ROWS = `INSERT INTO neptun_user (primary_email) VALUES ('a@example.com');
  INSERT INTO github_app_installation (neptun_user_id, github_installation_id, github_account_id,
    github_account_type, github_account_avatar_url) VALUES (1, 2, 3, 'User', '')`;

describeOnPostgres('migrate --adopt, on tables of another program', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createDatabase('PostgreSQL');
    await execute(database, `${tablesOf()}${ROWS}`);
  });
  afterEach(() => database.remove());
  const adopt = (env = {}) => cli(ADOPT, { ...database.env, ...env });
  const validity = async () =>
    (
      await execute<{ indisvalid: boolean }>(
        database,
        `SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('${INDEX}')`,
      )
    ).map(({ indisvalid }) => indisvalid);
  /** A transaction that the build of an index must wait for. */
  const holdTransaction = async () => {
    const writer = new pg.Client({ connectionString: database.env.DATABASE_URL });
    await writer.connect();
    await writer.query('BEGIN; UPDATE github_app_installation SET github_account_id = 4');
    return writer;
  };
  const expectAdopted = ({ code, stdout, stderr }: Ended) => {
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/The tables are adopted; nothing else was changed\.\n$/);
  };

  test('makes the index, the history and tables of its own, and changes nothing else', async () => {
    const before = await dumpCatalog(database);
    const first = await adopt();
    expectAdopted(first);
    expect(first.stdout).toContain(`Made ${INDEX}.`);
    const added = (await dumpCatalog(database))
      .map((entry) => ({ ...entry, text: JSON.stringify(entry) }))
      .filter(({ text }) => !before.some((old) => JSON.stringify(old) === text))
      .map(({ relname }) => relname);
    const own =
      /^github_(fact|delivery|app_state|identity|grant|link|sender|member|member_list|allowed_account|flow|installation_request)(_|$)/;
    expect(added.filter((name) => !own.test(name))).toEqual(
      [
        INDEX,
        expect.stringMatching(/^PK_/),
        'installations_server_migration',
        'installations_server_migration_id_seq',
      ].sort(),
    );
  });

  test('can be run again, and leaves nothing to plain migrate, which deployments run each time', async () => {
    expectAdopted(await adopt());
    const second = await adopt();
    expectAdopted(second);
    expect(second.stdout).toContain(`Reads have an index: ${INDEX}.`);
    const { code, stdout, stderr } = await cli(['migrate'], database.env);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('no migration is for them');
  }, 60_000);

  test('keeps an index of theirs that reads can use, and makes none', async () => {
    await execute(database, 'CREATE INDEX theirs ON github_app_installation (neptun_user_id)');
    const ended = await adopt();
    expectAdopted(ended);
    expect(ended.stdout).toContain('Reads have an index: theirs.');
    expect(await validity()).toEqual([]);
  });

  test('waits for a transaction, says so, and holds up nobody; ended, it leaves nothing running', async () => {
    const writer = await holdTransaction();
    const building = startCli(ADOPT, database.env);
    await building.printed(/waiting for writers before build \(process \d+\)/);
    await execute(database, 'UPDATE neptun_user SET updated_at = now()');
    await execute(database, "INSERT INTO neptun_user (primary_email) VALUES ('b@example.com')");
    expect(await building.stop('SIGTERM')).toBe(1);
    expect(building.stderr()).toBe('Ended: the next run removes what is half done\n');
    const active =
      "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND state = 'active'";
    await until(async () => (await writer.query(active)).rows.length === 0);
    expect(await validity()).toEqual([false]);
    await writer.query('COMMIT');
    await writer.end();

    const next = await adopt();
    expectAdopted(next);
    expect(next.stdout).toContain(`Removing ${INDEX}`);
    expect(await validity()).toEqual([true]);
  });

  test('takes turns with other instances', async () => {
    const writer = await holdTransaction();
    const two = [0, 1].map(() => startCli(ADOPT, database.env));
    await Promise.any(two.map(({ printed }) => printed(/Waiting for another instance/)));
    await Promise.any(two.map(({ printed }) => printed(/waiting for writers/)));
    await writer.query('COMMIT');
    await writer.end();
    expect(await Promise.all(two.map(({ code }) => code))).toEqual([0, 0]);
    const made = two.filter(({ stdout }) => stdout().includes(`Made ${INDEX}`));
    expect(made).toHaveLength(1);
    expect(await validity()).toEqual([true]);
  });

  test('names the rights that are missing, and does what it may', async () => {
    const role = `reader_${process.pid}`;
    await execute(
      database,
      `CREATE ROLE ${role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role};
       REVOKE CREATE ON SCHEMA public FROM PUBLIC`,
    );
    const url = new URL(database.env.DATABASE_URL ?? '');
    url.username = role;
    const before = await dumpCatalog(database);
    const none = await adopt({ DATABASE_URL: url.href });
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('must be owner of table github_app_installation');
    expect(none.stderr).toContain(`${role} must have CREATE on the schema public`);
    expect(await dumpCatalog(database)).toEqual(before);

    await execute(database, `GRANT CREATE ON SCHEMA public TO ${role}`);
    const some = await adopt({ DATABASE_URL: url.href });
    expect([some.code, some.stderr.split('\n')]).toEqual([
      1,
      [expect.stringContaining('must be owner of table github_app_installation'), ''],
    ]);
    expect(some.stdout).toContain('installations_server_migration is recorded.');
    await execute(database, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });
});

test('migrate --adopt migrates the embedded database', async () => {
  const { env, remove } = await createDatabase('PGlite');
  const { code, stdout } = await cli(ADOPT, env);
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/nothing to adopt.*\n(Applied .*\n)+$/),
  ]);
  await remove();
});
