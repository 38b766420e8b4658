import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { run } from './cli/process.js';

const SCRIPT = join(process.cwd(), 'scripts/check-deps.js');
const FILES = [
  'package.json',
  'package-lock.json',
  'bench/package.json',
  'bench/package-lock.json',
];

type Json = Record<string, any>;

/** Checks a copy of the manifests with one change. */
async function check(file = 'package.json', change: (json: Json) => void = () => {}) {
  const folder = join(process.env.TEST_TEMP ?? '', randomUUID());
  mkdirSync(join(folder, 'bench'), { recursive: true });
  for (const name of FILES) cpSync(name, join(folder, name));
  const json = JSON.parse(readFileSync(file, 'utf8'));
  change(json);
  writeFileSync(join(folder, file), JSON.stringify(json));
  return run('bash', ['-c', `cd '${folder}' && '${process.execPath}' '${SCRIPT}'`]);
}

test('the installed packages have no violations', async () => {
  expect(await check()).toMatchObject({ code: 0, stderr: '' });
});

const LOCK = 'package-lock.json';
const BENCH = 'bench/package-lock.json';
const entry = (name: string, values: Json) => (lock: Json) =>
  Object.assign(lock.packages[`node_modules/${name}`], values);

test.each<[what: string, file: string, change: (json: Json) => void, message: string]>([
  [
    'a range',
    'package.json',
    (json) => Object.assign(json.dependencies, { pg: '^8.23.1' }),
    'pg ^8.23.1 is not an exact version',
  ],
  [
    'a range as an override',
    'package.json',
    (json) => Object.assign(json.overrides, { pg: { 'pg-types': '2' } }),
    'the override 2 is not an exact version',
  ],
  [
    'a dependency missing from the lock',
    'bench/package.json',
    (json) => Object.assign(json.dependencies, { pg: '8.0.0' }),
    'dependencies differ from package.json',
  ],
  ['another version in the lock', LOCK, entry('pg', { version: '8.0.0' }), 'pg is 8.0.0'],
  [
    'a git URL',
    LOCK,
    entry('pg', { resolved: 'git+ssh://git@example.com/pg.git#1' }),
    'comes from git+ssh://git@example.com/pg.git#1',
  ],
  ['a missing checksum', LOCK, entry('pg', { integrity: undefined }), 'has no checksum'],
  ['a weak checksum', BENCH, entry('pg', { integrity: 'sha1-x' }), 'has no checksum'],
  [
    'a missing checksum of a binary for this platform',
    LOCK,
    entry('@swc/core-linux-x64-gnu', { integrity: undefined }),
    '@swc/core-linux-x64-gnu@',
  ],
  ['an install script', BENCH, entry('pg', { hasInstallScript: true }), 'has an install script'],
  [
    'a known vulnerability',
    LOCK,
    entry('fastify', { version: '5.12.1' }),
    'fastify@5.12.1 is below 5.12.2: GHSA-3m5p-2c4r-xxw2',
  ],
  [
    'a known vulnerability of an older major version',
    LOCK,
    entry('brace-expansion', { version: '2.1.3' }),
    'brace-expansion@2.1.3 is below 2.1.4',
  ],
  [
    'a dependency that requires a newer Node.js',
    LOCK,
    entry('pg', { engines: { node: '>=22' } }),
    'needs Node.js >=22, not 20.19.0',
  ],
  [
    'an engines range that no dependency requires',
    LOCK,
    entry('typeorm', { engines: { node: '>=18' } }),
    'which no dependency requires',
  ],
])('%s is a violation', async (_what, file, change, message) => {
  const { code, stderr } = await check(file, change);
  expect(stderr).toContain(message);
  expect(code).toBe(1);
});
