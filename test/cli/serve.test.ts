import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createDatabase } from '../helpers/databases.js';
import { run, serve, startServing, until } from './process.js';

/** Runs the command line of the banner unchanged. */
const answerOf = async (curl: string) => (await run('bash', ['-c', curl])).stdout;
const emptyFolder = () => join(process.env.TEST_TEMP ?? '', randomUUID());

test('the command line of the banner returns the documented installation, before and after kill -9', async () => {
  const { env } = await createDatabase('PGlite');
  const first = await serve(env);
  const answer = await answerOf(first.curl);
  expect(JSON.parse(answer)[0]).toEqual({
    id: 1,
    neptun_user_id: 'user123',
    github_installation_id: '12345678',
    created_at: '2024-03-20T10:00:00.000Z',
    updated_at: '2024-03-20T10:00:00.000Z',
  });
  expect(first.stdout()).toContain('migrations applied');
  await first.stop('SIGKILL');

  const second = await serve(env);
  // The same rows: a new database would be migrated and seeded again.
  expect(second.stdout()).not.toContain('migrations applied');
  expect(await answerOf(first.curl.replace(first.url, second.url))).toBe(answer);
  expect(second.curl).toBe(first.curl.replaceAll(first.url, second.url));
  expect(await second.stop('SIGTERM')).toBe(0);

  const third = await serve(env);
  expect(await answerOf(first.curl.replace(first.url, third.url))).toBe(answer);
  expect(await third.stop('SIGINT')).toBe(0);
  expect([first, second, third].map((server) => server.stderr())).toEqual(['', '', '']);
});

test('the server starts after kill -9 during its first start', async () => {
  const env = { DATA_DIR: emptyFolder() };
  const killed = startServing(env);
  await until(() => existsSync(join(env.DATA_DIR, 'postgres.new', 'base')));
  await killed.stop('SIGKILL');
  expect(killed.stdout()).not.toContain('ready at');
  expect(existsSync(join(env.DATA_DIR, 'postgres'))).toBe(false);

  const next = await serve(env);
  expect(JSON.parse(await answerOf(next.curl))).toHaveLength(3);
  expect(await next.stop('SIGTERM')).toBe(0);
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s before the server is ready exits with 0',
  async (signal) => {
    const { env } = await createDatabase('PGlite');
    const starting = startServing(env);
    await until(() => readdirSync(env.DATA_DIR).some((name) => name.startsWith('owner.')));
    expect(await starting.stop(signal)).toBe(0);
    expect(starting.stdout()).not.toContain('ready at');
    expect(starting.stderr()).toBe('');
  },
);

test('a second process on the same folder exits with 1 and names the owner', async () => {
  const { env } = await createDatabase('PGlite');
  const owner = await serve(env);
  const second = startServing(env);
  expect(await second.code).toBe(1);
  expect(second.stderr()).toBe(
    `${env.DATA_DIR} is in use by process ${owner.pid}: ` +
      'stop that process, or ask its /ready how it is, or set DATA_DIR or DATABASE_URL to another database\n',
  );
  expect(JSON.parse(await answerOf(owner.curl))).toHaveLength(3);
  expect(await owner.stop('SIGTERM')).toBe(0);
});

test('the session of the banner uses the configured password', async () => {
  const { env } = await createDatabase('PGlite');
  const generated = await serve(env);
  await generated.stop('SIGTERM');
  const own = await serve({ ...env, NUXT_SESSION_PASSWORD: 'n'.repeat(40) });
  expect(JSON.parse(await answerOf(own.curl))).toHaveLength(3);
  // The session of the generated password is invalid.
  const old = await answerOf(generated.curl.replace(generated.url, own.url));
  expect(JSON.parse(old)).toMatchObject({ statusCode: 401 });
  await own.stop('SIGTERM');
});

test('an unhandled error is logged, and exits with 1', async () => {
  const { env } = await createDatabase('PGlite');
  const failing = startServing({
    ...env,
    NODE_OPTIONS: `--import=data:text/javascript,process.on('SIGUSR2',()=>{throw(Error('unforeseen'))})`,
  });
  await failing.printed(/ready at/);
  expect(await failing.stop('SIGUSR2')).toBe(1);
  expect(failing.stdout()).toMatch(/"level":60.*unforeseen.*"msg":"ended by an unhandled error/);
});

test.each(['PGlite', 'PostgreSQL'] as const)(
  'the log and the banner name version, database and address, without a password: %s',
  async (kind) => {
    if (kind === 'PostgreSQL' && !process.env.TEST_DATABASE_URL) return;
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    const { env, remove } = await createDatabase(kind);
    const url = new URL(env.DATABASE_URL ?? 'postgresql://none');
    url.password = 'a-secret-of-the-tests';
    const server = await serve(env.DATABASE_URL ? { ...env, DATABASE_URL: url.href } : env);
    const { host, pathname, username } = url;
    const database = kind === 'PGlite' ? `embedded in ${env.DATA_DIR}` : host + pathname;
    // The log is written asynchronously.
    await server.printed(/Server listening at/);
    const output = server.stdout();
    expect(output).toContain(
      `"msg":"installations ${version}, database ${database}: Server listening at ${server.url}"`,
    );
    expect(output).toContain(`installations ${version}, ready at ${server.url}`);
    expect(output).toMatch(new RegExp(`^ +Database +${database.replaceAll('.', '\\.')}$`, 'm'));
    expect(output).not.toContain(url.password);
    if (kind === 'PostgreSQL') expect(output).not.toContain(`${username}@`);
    expect(await server.stop('SIGTERM')).toBe(0);
    await remove();
  },
);

test.each([
  [{}, '127.0.0.1'],
  [{ HOST: '0.0.0.0' }, '127.0.0.1'],
  [{ HOST: 'localhost' }, 'localhost'],
])('%j is printed as %s everywhere', async (env, name) => {
  const database = await createDatabase('PGlite');
  const { url, curl, stdout, stop } = await serve({ ...database.env, ...env });
  expect(new URL(url).hostname).toBe(name);
  const banner = stdout().slice(stdout().indexOf('ready at'));
  const printed = new Set(banner.match(/http:\/\/[^/\s]+/g));
  expect([...printed]).toEqual([url]);
  expect(banner).toMatch(new RegExp(`^ +Start page +${url}/ `, 'm'));
  expect(JSON.parse(await answerOf(curl))).toHaveLength(3);
  await stop('SIGTERM');
});
