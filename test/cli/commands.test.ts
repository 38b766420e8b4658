import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { createDatabase } from '../helpers/databases.js';
import { cli, run, serve } from './process.js';

const SESSION_PASSWORD = 's'.repeat(32);

/** The response body, then the status. */
async function get(url: string, userId: string, cookie: string): Promise<string> {
  const address = `${url}/api/users/${userId}/installations`;
  return (await run('curl', ['-sw', ' %{http_code}', '-b', cookie, address])).stdout;
}

test('session prints a cookie for curl, with the given lifetime', async () => {
  const { env } = await createDatabase('PGlite');
  const { url, stop } = await serve({ ...env, SESSION_PASSWORD });
  const printed = await cli(['session', '--user', 'user123'], { SESSION_PASSWORD });
  expect(printed).toMatchObject({ code: 0, stderr: '' });
  expect(printed.stdout).toMatch(/^neptun-session=Fe26\.2\*\S+\n$/);
  const cookie = printed.stdout.trim();
  expect(await get(url, 'user123', cookie)).toMatch(/^\[{"id":1,.* 200$/);
  expect(await get(url, 'user124', cookie)).toMatch(/User not found.* 404$/);

  const [, expiry] = /\*(\d+)\*[\w-]+\*[\w-]+$/.exec(cookie) ?? [];
  expect(Number(expiry) / 1000).toBeCloseTo(Date.now() / 1000 + 3600, -2);
  const forever = await cli(['session', '--user', 'user123', '--ttl', '0'], { SESSION_PASSWORD });
  expect(forever.stdout).toMatch(/\*\*[\w-]+\*[\w-]+\n$/);
  const foreign = await cli(['session', '--user', 'user123'], { SESSION_PASSWORD: 'x'.repeat(32) });
  expect(await get(url, 'user123', foreign.stdout.trim())).toMatch(/ 401$/);
  await stop('SIGINT');
});

test('session uses the generated password of the development server', async () => {
  const { env } = await createDatabase('PGlite');
  const { url, stop } = await serve(env);
  const { stdout } = await cli(['session', '--user', 'user123'], env);
  expect(await get(url, 'user123', stdout.trim())).toMatch(/ 200$/);
  await stop('SIGINT');
});

test('migrate and seed are idempotent', async () => {
  const { env } = await createDatabase('PGlite');
  const first = await cli(['migrate'], env);
  expect(first.stdout).toMatch(/^(Applied \w+\.\n)+The database is up to date\.\n$/);
  expect(await cli(['migrate'], env)).toEqual({
    code: 0,
    stdout: 'The database is up to date.\n',
    stderr: '',
  });
  const seeded = { code: 0, stdout: 'The demo user user123 is there.\n', stderr: '' };
  expect(await cli(['seed'], env)).toEqual(seeded);
  expect(await cli(['seed'], env)).toEqual(seeded);
});

test('schema prints the committed schema', async () => {
  const stdout = readFileSync('schema.graphql', 'utf8');
  expect(await cli(['schema'])).toEqual({ code: 0, stdout, stderr: '' });
});

test('--version prints the version of package.json', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(await cli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test('--help of every command prints its usage and exits with 0', async () => {
  const commands = ['', 'serve ', 'migrate ', 'seed ', 'doctor ', 'session ', 'schema '];
  const answers = await Promise.all(commands.map((name) => cli(`${name}--help`.split(' '))));
  answers.forEach(({ code, stdout, stderr }, index) => {
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`Usage: installations ${commands[index]}`);
  });
});
