import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { cli } from './process.js';

const PRODUCTION = { NODE_ENV: 'production', SESSION_PASSWORD: 'p'.repeat(32) };
const nowhere = () => join(process.env.TEST_TEMP ?? '', randomUUID());

test.each(['PORT', 'METRICS_PORT'])('a %s in use exits with 1 and one line', async (variable) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const { code, stderr } = await cli(['serve'], {
    PORT: '0',
    [variable]: String(port),
    DATA_DIR: nowhere(),
  });
  other.close();
  expect(code).toBe(1);
  expect(stderr).toBe(
    `127.0.0.1:${port} is taken: stop what listens there, or set ${variable} to another\n`,
  );
});

test.each(['no-such-host.invalid', '203.0.113.1'])(
  'the foreign HOST=%s exits with 1 and one line that names it',
  async (HOST) => {
    const { code, stderr } = await cli(['serve'], { HOST, PORT: '0', DATA_DIR: nowhere() });
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^cannot listen on HOST ${HOST}, PORT 0: .+\\n$`));
  },
);

test.each(['serve', 'session --user x'])(
  '%s names every invalid variable, and prints no value',
  async (command) => {
    const faults = {
      SESSION_PASSWORD: 'short-secret',
      DATABASE_URL: 'mysql://secret@host/db',
      OPERATIONS_MANIFEST: '/secret/nowhere.json',
      PORT: 'secret',
      LOG_LEVEL: 'secret',
    };
    const { code, stdout, stderr } = await cli(command.split(' '), faults);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    for (const name of Object.keys(faults)) expect(stderr).toContain(`\n  ${name} must `);
    expect(stderr).not.toContain('secret');
    expect(stderr).not.toContain('    at ');
  },
);

test('production without SESSION_PASSWORD exits with 1 and names it', async () => {
  const { code, stderr } = await cli(['serve'], { NODE_ENV: 'production', PORT: '0' });
  expect(code).toBe(1);
  expect(stderr).toContain('SESSION_PASSWORD is required in production');
});

test('production without a database exits with 1, names both variables, and makes none', async () => {
  const { code, stdout, stderr } = await cli(['serve'], {
    ...PRODUCTION,
    PORT: '0',
    DATABSE_URL: 'postgresql://secret@host/db',
  });
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr.split('\n')).toEqual([
    'Invalid configuration:',
    '  DATABASE_URL is required in production; for the embedded database, set DATA_DIR to its folder',
    '  DATABSE_URL is no variable of this server: DATABASE_URL may be meant',
    '',
  ]);
});

test.each([
  ['empty', ''],
  ['cut off', 'cut-off\n'],
])('a generated password that is %s is named, with what to do', async (_case, content) => {
  const DATA_DIR = nowhere();
  await mkdir(DATA_DIR);
  const path = join(DATA_DIR, 'session-password');
  await writeFile(path, content);
  const message = `${path} is empty or cut off: delete it, and the next start generates another`;
  for (const command of [['serve'], ['session', '--user', 'x']])
    expect(await cli(command, { DATA_DIR, PORT: '0' })).toEqual({
      code: 1,
      stdout: '',
      stderr: `${message}\n`,
    });
  const { code, stdout } = await cli(['doctor'], { DATA_DIR });
  expect([code, stdout]).toEqual([1, expect.stringContaining(`Session password\n  ✗ ${message}`)]);
  await rm(path);
  expect((await cli(['session', '--user', 'x'], { DATA_DIR })).code).toBe(0);
});

test('seed is refused in production', async () => {
  const { code, stderr } = await cli(['seed'], { ...PRODUCTION, DATA_DIR: nowhere() });
  expect([code, stderr]).toEqual([1, 'seed: demo data is not for production\n']);
});

test.each([
  ['nonsense', "error: unknown command 'nonsense'"],
  ['session', "error: required option '--user <id>' not specified"],
  ['session --user x --ttl soon', /argument 'soon' is invalid/],
  ['serve --nonsense', "error: unknown option '--nonsense'"],
])('installations %s exits with 1 and names the mistake', async (command, message) => {
  const { code, stdout, stderr } = await cli(command.split(' '));
  expect([code, stdout]).toEqual([1, '']);
  const [line, hint, ...rest] = stderr.split('\n');
  expect(line).toMatch(message);
  expect([hint, ...rest]).toEqual(['(--help shows what there is)', '']);
});
