import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import {
  createDatabase,
  describeOnEachDatabase,
  describeOnPostgres,
} from '../helpers/databases.js';
import { dumpCatalog, execute, tablesOf } from '../helpers/other-tables.js';
import { cli, serve } from './process.js';

const doctor = (env: object) => cli(['doctor'], env);
const SECRET = 'secret-of-32-characters-or-more-secret';

test('doctor finds nothing wrong where there is nothing yet, and makes nothing', async () => {
  const DATA_DIR = join(process.env.TEST_TEMP ?? '', 'there-is-none');
  const { code, stdout, stderr } = await doctor({ DATA_DIR });
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^Configuration\n {2}✓ development, on 127\.0\.0\.1 port 4000\n/);
  expect(stdout).toContain(`! embedded, none yet: the start makes it in ${DATA_DIR}`);
  expect(existsSync(DATA_DIR)).toBe(false);
});

test('doctor names each variable at fault, goes on with the others, and says no secret', async () => {
  const { code, stdout, stderr } = await doctor({
    NODE_ENV: 'production',
    RATE_LIMIT: SECRET,
    LOG_LEVEL: SECRET,
    DATABASE_URL: `postgresql://somebody:${SECRET}@127.0.0.1:1/theirs`,
  });
  expect([code, stderr]).toEqual([1, '']);
  expect(stdout.match(/✗ (\w+) /g)).toEqual([
    '✗ RATE_LIMIT ',
    '✗ LOG_LEVEL ',
    '✗ SESSION_PASSWORD ',
  ]);
  expect(stdout).toMatch(/Database\n {2}✗ 127\.0\.0\.1:1\/theirs connect ECONNREFUSED .*\n$/);
  expect(stdout).not.toContain(SECRET);
});

test('doctor shows what is probably a mistake as a warning, and goes on', async () => {
  const { code, stdout } = await doctor({
    DATABSE_URL: SECRET,
    NUXT_SESSION_PASSWORD: SECRET,
    SESSION_PASSWORD: `${SECRET}-`,
    DATA_DIR: join(process.env.TEST_TEMP ?? '', 'there-is-none'),
  });
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /✓ off: .*\n {2}! DATABSE_URL is no .*\n {2}! NUXT_SESSION_PASSWORD is another/,
  );
  expect(stdout).toMatch(/Session password\n {2}✓ configured\nDatabase\n {2}! embedded/);
  expect(stdout).not.toContain(SECRET);
});

test('doctor looks at no database where its folder is wrong, or the URL is missing in production', async () => {
  const DATA_DIR = join(process.cwd(), 'package.json');
  for (const env of [{ DATA_DIR }, { NODE_ENV: 'production', SESSION_PASSWORD: SECRET }]) {
    const { code, stdout, stderr } = await doctor(env);
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/^Configuration\n {2}✗ DATA(_DIR must|BASE_URL is required)/);
    expect(stdout).not.toContain('Database\n');
  }
});

test('doctor warns of passwords that are weak or not rotated', async () => {
  const SESSION_PASSWORD = 'secret'.repeat(6);
  const env = { SESSION_PASSWORD, SESSION_PASSWORD_PREVIOUS: SESSION_PASSWORD };
  const { code, stdout } = await doctor(env);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /✓ configured\n {2}! weak, .*\n.*\n {2}! SESSION_PASSWORD_PREVIOUS is the/,
  );
  expect(stdout).not.toContain('secret');
});

describeOnEachDatabase('doctor', (kind) => {
  test('shows tables of another program as they are, and changes nothing', async () => {
    const database = await createDatabase(kind);
    await execute(database, tablesOf());
    const before = await dumpCatalog(database);
    const { code, stdout, stderr } = await doctor({ ...database.env, SESSION_PASSWORD: SECRET });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('✓ of another program, in search_path ');
    expect(stdout).toContain(
      '✓ table public.neptun_user: id integer NOT NULL, created_at timestamp w',
    );
    expect(stdout).toContain(
      '! public.github_app_installation has no index for reads: run CREATE INDEX',
    );
    expect(stdout).not.toContain(SECRET);
    expect(await dumpCatalog(database)).toEqual(before);
    await database.remove();
  });

  test('says what the next start does with tables of ours', async () => {
    const database = await createDatabase(kind);
    expect((await doctor(database.env)).stdout).toMatch(
      /✓ none yet[\s\S]*! pending: Create\w+, Index/,
    );
    await cli(['migrate'], database.env);
    const { code, stdout } = await doctor(database.env);
    expect(code).toBe(0);
    expect(stdout).toContain('✓ index of reads: github_app_installation_read_idx');
    expect(stdout.slice(stdout.indexOf('Tables'))).not.toMatch(/[!✗]/);
    await database.remove();
  });
});

describeOnPostgres('doctor', () => {
  test('names the right to connect, where the role lacks it', async () => {
    const database = await createDatabase('PostgreSQL');
    const url = new URL(database.env.DATABASE_URL ?? '');
    const name = url.pathname.slice(1);
    const role = `role_${name}`;
    await execute(
      database,
      `CREATE ROLE ${role} LOGIN; REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`,
    );
    url.username = role;
    const { code, stdout } = await doctor({ DATABASE_URL: url.href });
    await execute(database, `DROP ROLE ${role}`);
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ .* permission denied for database .*: User does not have CONNECT/);
    await database.remove();
  });

  test('finds what cannot be served, and the clock that is right', async () => {
    const database = await createDatabase('PostgreSQL');
    await execute(database, `${tablesOf()} ALTER TABLE neptun_user DROP created_at`);
    const { code, stdout } = await doctor(database.env);
    expect(code).toBe(1);
    expect(stdout).toContain('✗ public.neptun_user.created_at is missing: add it, as');
    expect(stdout).toMatch(/Clock\n {2}✓ 0\.\d s between/);
    await database.remove();
  });
});

test('commands that need the embedded database say which server has it, and how to go on', async () => {
  const { env } = await createDatabase('PGlite');
  const server = await serve(env);
  const inUse = `${env.DATA_DIR} is in use by process ${server.pid}: stop that process, or ask its /ready`;
  for (const command of [['migrate'], ['migrate', '--adopt'], ['seed']]) {
    const { code, stderr } = await cli(command, env);
    expect([code, stderr.split('\n')]).toEqual([1, [expect.stringContaining(inUse), '']]);
  }
  const { code, stdout } = await doctor(env);
  expect([code, stdout]).toEqual([0, expect.stringContaining(`! ${inUse}`)]);
  await server.stop('SIGINT');
});
