import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { loadConfig } from '../../src/config.js';
import { createPool } from '../../src/database/create-pool.js';
import { createDataSource } from '../../src/database/data-source.js';
import { migrate, migrateAll, revert } from '../../src/database/migrate.js';
import { MIGRATIONS } from '../../src/database/migrations/migrations.js';
import { type Log, prepareTables } from '../../src/database/prepare-tables.js';
import { UNATTENDED } from '../../src/database/wait-options.js';
import { ENTITIES } from '../../src/entities.js';
import { cli, type Started, startCli, startServing, until } from '../cli/process.js';
import { createDatabase, type TestDatabase } from '../helpers/databases.js';
import { startPgBouncer } from '../helpers/pgbouncer.js';

jest.setTimeout(60_000);

const INDEX = 'github_app_installation_read_idx';
const TABLE = 'public.github_app_installation';
/** What an older version has left: a migration that is pending. */
const PENDING = {
  index: `DROP INDEX ${INDEX}; DELETE FROM installations_server_migration WHERE name LIKE 'IndexReads%'`,
  columns: `ALTER TABLE github_app_installation DROP github_account_id, DROP github_account_name,
      DROP github_account_type, DROP github_account_avatar_url;
    DELETE FROM installations_server_migration WHERE name LIKE 'AddInstallationAccounts%'`,
  later: 'DELETE FROM installations_server_migration WHERE timestamp > 1796000000000',
};
const INSERT =
  "INSERT INTO github_app_installation (neptun_user_id, github_installation_id) VALUES ('a', $1)";

let database: TestDatabase;
let observer: pg.Client;
let writer: pg.Client;
beforeEach(async () => {
  database = await createDatabase('PostgreSQL');
  await withDataSource((dataSource) => migrateAll(dataSource));
  [observer, writer] = [await connect(), await connect()];
  await observer.query("INSERT INTO neptun_user (id) VALUES ('a')");
});
afterEach(async () => {
  await Promise.all([observer.end(), writer.end()]);
  await database.remove();
});

async function withDataSource(work: (dataSource: DataSource) => Promise<unknown>): Promise<void> {
  const pool = createPool(loadConfig(database.env), () => {});
  try {
    await work(await createDataSource(pool, ENTITIES).initialize());
  } finally {
    await pool.end();
  }
}

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.env.DATABASE_URL });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** Another program's transaction, in which it has written a row. */
async function holdTransaction(): Promise<void> {
  await writer.query('BEGIN');
  await writer.query(INSERT, [0]);
}

/** Milliseconds of the longest of a second program's writes, which go on meanwhile. */
async function longestWrite<Result>(work: () => Promise<Result>): Promise<number> {
  let longest = 0;
  let ended = false;
  const writes = (async () => {
    for (let id = 1; !ended; id++) {
      const begin = Date.now();
      await observer.query(INSERT, [id]);
      longest = Math.max(longest, Date.now() - begin);
      await sleep(5);
    }
  })();
  await work();
  ended = true;
  await writes;
  return longest;
}

async function listening(
  server: Started,
): Promise<() => Promise<{ status: number; reason?: string }>> {
  const [, address] = await server.printed(/Server listening at (http:[^"]+)/);
  return async () => {
    const response = await fetch(`${address}/ready`);
    return { status: response.status, ...((await response.json()) as object) };
  };
}

const backends = async () =>
  (
    await observer.query(
      `SELECT pid, state, query FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'installations-server'`,
    )
  ).rows;

const isApplied = async () =>
  (
    await observer.query(
      `SELECT (SELECT count(*) FROM installations_server_migration) = ${MIGRATIONS.length}
         AND (SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('${INDEX}'))
         AND EXISTS (SELECT FROM pg_attribute WHERE attname = 'github_account_type') AS applied`,
    )
  ).rows[0].applied;

test.each([
  ['an index', PENDING.index, `making ${INDEX} on ${TABLE}: waiting for`],
  [
    'columns',
    PENDING.columns,
    `migrations wait for a lock on ${TABLE}, which another session holds`,
  ],
])(
  'a start with a pending migration of %s holds up no writer, and leaves nothing at its end',
  async (_what, pending, reason) => {
    await observer.query(pending);
    await holdTransaction();
    const started = startServing(database.env);
    const longest = await longestWrite(async () => {
      const ready = await listening(started);
      await until(async () => (await ready()).reason?.includes(reason));
      expect(await ready()).toMatchObject({ status: 503, ready: false, migrations: false });
      expect(await started.stop('SIGTERM')).toBe(0);
    });
    expect(longest).toBeLessThan(2_000);
    await until(async () => (await backends()).length === 0);
    expect(started.stderr()).toBe('');
    for (const line of started.stdout().trim().split('\n')) JSON.parse(line);

    const next = startServing(database.env);
    const ready = await listening(next);
    expect(await ready()).toMatchObject({ status: 503 });
    await writer.query('COMMIT');
    await until(async () => (await ready()).status === 200);
    expect(await isApplied()).toBe(true);
    expect(await next.stop('SIGTERM')).toBe(0);
  },
);

test('several instances that start at once build one index, under a statement_timeout that is shorter than the build', async () => {
  await observer.query(PENDING.index);
  await observer.query(
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET statement_timeout = 100', current_database()); END $$",
  );
  await holdTransaction();
  const servers = [0, 1].map(() => startServing(database.env));
  await Promise.any(servers.map(({ printed }) => printed(/waiting for another instance/)));
  await Promise.any(servers.map(({ printed }) => printed(/: waiting for writers before build/)));
  await writer.query('COMMIT');
  await Promise.all(servers.map(({ printed }) => printed(/ready at/)));
  expect(servers.filter(({ stdout }) => stdout().includes(`made ${INDEX}`))).toHaveLength(1);
  expect(await isApplied()).toBe(true);
  expect(await Promise.all(servers.map(({ stop }) => stop('SIGTERM')))).toEqual([0, 0]);
});

test('a migration that fails is rolled back, and named once', async () => {
  await observer.query(`${PENDING.index}; ${PENDING.columns}`);
  await observer.query('ALTER TABLE github_app_installation ADD github_account_type text');
  for (const command of ['serve', 'migrate']) {
    const { code, stdout, stderr } = await cli([command], { ...database.env, PORT: '0' });
    expect([code, stderr]).toEqual([
      1,
      'AddInstallationAccounts1796000000000 failed, and nothing was changed: column "github_account_type" of relation ' +
        '"github_app_installation" already exists\n',
    ]);
    expect(stdout).not.toMatch(/migration/i);
  }
  const { rows } = await observer.query('SELECT FROM installations_server_migration');
  expect(rows).toHaveLength(MIGRATIONS.length - 2);
});

test('a start waits for an index for a limited time, then serves without it, and builds it on', async () => {
  await observer.query(PENDING.index);
  await holdTransaction();
  const lines: unknown[] = [];
  const write = (...[first, text]: unknown[]) => lines.push(text ?? first);
  const log = { info: write, warn: write } as unknown as Log;
  await withDataSource(async (dataSource) => {
    const { pending } = await prepareTables(dataSource, log, UNATTENDED, 1_500);
    expect(pending).toHaveLength(1);
    expect(lines).toContain('reads are served without their index, whose build goes on');
    await writer.query('COMMIT');
    await until(isApplied);
    await until(() => lines.at(-1) === 'migrations applied');
  });
});

test('an index that cannot be built ends no start', async () => {
  await observer.query(PENDING.index);
  const bouncer = await startPgBouncer(database.env.DATABASE_URL as string, 4);
  const env = { ...database.env, DATABASE_URL: bouncer.url };
  const server = startServing(env);
  await server.printed(/ready at/);
  await server.printed(/DATABASE_URL leads to a pooler/);
  await server.printed(/has no index for reads: run CREATE INDEX CONCURRENTLY/);
  expect(await server.stop('SIGTERM')).toBe(0);
  expect(await cli(['migrate'], env)).toMatchObject({
    code: 1,
    stderr: 'DATABASE_URL leads to a pooler: an index needs a direct connection\n',
  });
  await bouncer.remove();
});

test('an index that somebody builds by hand is waited for, and not taken for a leftover', async () => {
  await observer.query(PENDING.index);
  await holdTransaction();
  const other = await connect();
  const built = other.query(
    `CREATE INDEX CONCURRENTLY ${INDEX} ON github_app_installation (neptun_user_id, id)`,
  );
  await until(async () => {
    const { rows } = await observer.query(`SELECT to_regclass('${INDEX}') AS index`);
    return rows[0].index !== null;
  });
  const migrating = startCli(['migrate'], database.env);
  await migrating.printed(/Waiting for process \d+, which builds an index\./);
  await writer.query('COMMIT');
  await built;
  await other.end();
  expect([await migrating.code, migrating.stderr()]).toEqual([0, '']);
  expect(migrating.stdout()).not.toContain('Removing');
  expect(await isApplied()).toBe(true);
});

test('an index of that name on other columns is left alone', async () => {
  await observer.query(PENDING.index);
  await observer.query(`CREATE INDEX ${INDEX} ON github_app_installation (created_at)`);
  expect(await cli(['migrate'], database.env)).toMatchObject({
    code: 1,
    stderr: `relation "${INDEX}" already exists\n`,
  });
  const { rows } = await observer.query(
    `SELECT pg_get_indexdef('${INDEX}'::regclass) AS definition`,
  );
  expect(rows[0].definition).toContain('(created_at)');
});

test.each([
  ['SIGTERM', 1, 'Ended: the next run removes what is half done\n'],
  ['SIGKILL', null, ''],
] as const)('%s during the build of an index leaves no backend', async (signal, code, stderr) => {
  await observer.query(PENDING.index);
  await holdTransaction();
  const migrating = startCli(['migrate'], database.env);
  await migrating.printed(/waiting for writers before build/);
  expect(await migrating.stop(signal)).toBe(code);
  expect(migrating.stderr()).toBe(stderr);
  await until(async () => (await backends()).length === 0);
});

test('a command gives up after a few tries, and TypeORM’s reversal holds up nobody either', async () => {
  await observer.query(`${PENDING.columns}; ${PENDING.later}`);
  await holdTransaction();
  const wait = { ...UNATTENDED, tries: 2 };
  await withDataSource(async (dataSource) => {
    const longest = await longestWrite(() =>
      expect(migrate(dataSource, wait)).rejects.toThrow(
        /^migrations wait for a lock on public\.github_app_installation, which another session holds \(process \d+\): end its transaction/,
      ),
    );
    expect(longest).toBeLessThan(2_000);
    const reverted = revert(dataSource, false);
    await sleep(300);
    await writer.query('COMMIT');
    await reverted;
    const [{ index }] = await dataSource.query(`SELECT to_regclass('${INDEX}') AS index`);
    expect(index).toBeNull();
  });
});
