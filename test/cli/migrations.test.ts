import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import pg from 'pg';
import {
  createDatabase,
  describeOnEachDatabase,
  describeOnPostgres,
} from '../helpers/databases.js';
import { cli, run, serve, start, startServing } from './process.js';

const TYPEORM = join(process.cwd(), 'node_modules/.bin/typeorm');
const DATA_SOURCE = join(process.cwd(), 'dist/ormconfig.js');

describeOnEachDatabase('TypeORM’s own command line', (kind) => {
  test('applies, shows and reverts the migrations', async () => {
    const { env, remove } = await createDatabase(kind);
    const typeorm = (command: string) =>
      run(process.execPath, [TYPEORM, `migration:${command}`, '-d', DATA_SOURCE], env);
    const applied = await typeorm('run');
    expect([applied.code, applied.stderr]).toEqual([0, '']);
    expect((await typeorm('show')).stdout).toMatch(/^\[X\] \d+ CreateUsersAndInstallations\d+$/m);
    expect((await typeorm('revert')).code).toBe(0);
    // Ours finds the database as TypeORM's left it.
    expect((await cli(['migrate'], env)).stdout).toMatch(/^Applied \w+\.\n/);
    await remove();
  });
});

describeOnPostgres('On PostgreSQL', () => {
  test.each(['migrate', 'migrate --adopt', 'seed'])(
    '%s ends with 1 and one line where the database does not exist',
    async (command) => {
      const url = new URL(process.env.TEST_DATABASE_URL ?? '');
      url.pathname = 'there-is-none';
      url.password = 'secret';
      const { code, stderr } = await cli(command.split(' '), { DATABASE_URL: url.href });
      expect([code, stderr]).toEqual([1, 'database "there-is-none" does not exist\n']);
    },
  );

  test('three servers that start at once on an empty database all become ready', async () => {
    const { env, remove } = await createDatabase('PostgreSQL');
    const servers = await Promise.all([serve(env), serve(env), serve(env)]);
    const applied = servers.filter((server) => server.stdout().includes('migrations applied'));
    expect(applied).toHaveLength(1);
    for (const { url } of servers) {
      const response = await fetch(`${url}/graphql?query={viewer{id}}`, {
        headers: { 'apollo-require-preflight': 'true' },
      });
      expect(await response.json()).toMatchObject({ data: { viewer: null } });
    }
    // Somebody's database is filled only when asked: then the banner has a user to show.
    expect(servers.map(({ curl }) => curl)).toEqual(['', '', '']);
    expect((await cli(['seed'], env)).code).toBe(0);
    const seeded = await serve(env);
    expect(JSON.parse((await run('bash', ['-c', seeded.curl])).stdout)).toHaveLength(3);
    const codes = await Promise.all([...servers, seeded].map(({ stop }) => stop('SIGINT')));
    expect(codes).toEqual([0, 0, 0, 0]);
    await remove();
  });

  test('SIGTERM while another server migrates ends it with 0, and without a banner', async () => {
    const { env, remove } = await createDatabase('PostgreSQL');
    const other = new pg.Client({ connectionString: env.DATABASE_URL });
    await other.connect();
    await other.query('SELECT pg_advisory_lock(7210418553)');
    const waiting = startServing(env);
    await waiting.printed(/waiting for another instance, which applies migrations/);
    const code = waiting.stop('SIGINT');
    expect(await code).toBe(0);
    await other.end();
    expect(waiting.stdout()).not.toContain('ready at');
    expect(waiting.stderr()).toBe('');
    await remove();
  });

  test('TypeORM’s own command line waits for another that migrates', async () => {
    const { env, remove } = await createDatabase('PostgreSQL');
    const other = new pg.Client({ connectionString: env.DATABASE_URL });
    await other.connect();
    await other.query('SELECT pg_advisory_lock(7210418553)');
    const migrating = start(process.execPath, [TYPEORM, 'migration:run', '-d', DATA_SOURCE], env);
    await migrating.printed(/pg_try_advisory_xact_lock/);
    const { rows } = await other.query("SELECT to_regclass('neptun_user') AS table");
    expect(rows).toEqual([{ table: null }]);
    await other.end();
    expect([await migrating.code, migrating.stderr()]).toEqual([0, '']);
    await remove();
  });
});
