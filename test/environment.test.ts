import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type ConfigError, loadConfig } from '../src/config.js';
import { cli, run } from './cli/process.js';

const PASSWORD = 'p'.repeat(32);

describe('A file .env', () => {
  const { env } = process;
  const home = process.cwd();
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(env.TEST_TEMP ?? '', 'env-'));
    process.chdir(folder);
    process.env = {};
  });
  afterEach(() => {
    process.env = env;
    process.chdir(home);
    rmSync(folder, { recursive: true });
  });
  const load = (content: string | Buffer) => {
    writeFileSync('.env', content);
    return loadConfig();
  };
  const faultsOf = (content: string | Buffer) => {
    try {
      load(content);
      return [];
    } catch (error) {
      return (error as ConfigError).faults;
    }
  };

  const LINES = `# a comment\nexport PORT=5000\nSESSION_PASSWORD="${PASSWORD}#"\nHOST = '::1' # or another\n`;
  const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');
  test.each([
    ['as it is', LINES],
    ['with CRLF', LINES.replaceAll('\n', '\r\n')],
    ['with CR', LINES.replaceAll('\n', '\r')],
    ['with a byte order mark', `\ufeff${LINES.replace('# a comment\n', '')}`],
    ['in UTF-16', utf16(LINES)],
    ['in UTF-16, big endian', utf16(LINES).swap16()],
    ['with tabs', LINES.replaceAll(' ', '\t')],
    ['without a line end', LINES.trimEnd()],
  ])('is read %s', (_case, content) => {
    expect(load(content)).toMatchObject({
      port: 5000,
      sessionPassword: `${PASSWORD}#`,
      host: '::1',
      warnings: [],
    });
  });

  test('is overridden by the environment, and may be absent', () => {
    process.env.PORT = '6000';
    expect(load(LINES)).toMatchObject({ port: 6000, host: '::1' });
    rmSync('.env');
    expect(loadConfig().port).toBe(6000);
  });

  test.each([
    [
      'in UTF-16 without a mark',
      Buffer.from(LINES, 'utf16le'),
      '.env must be a file with text in UTF-8',
    ],
    [
      'in Latin-1',
      Buffer.from('DATA_DIR=\xfc\n', 'latin1'),
      '.env must be a file with text in UTF-8',
    ],
    ['with a line without =', 'PORT: secret\nHOST=::1\n', '.env must have NAME=value in line 1'],
    ['with such a last line', '\nHOST=::1\nsecret', '.env must have NAME=value in line 3'],
    ['with an unquoted #', 'DATA_DIR=secret#secret', 'DATA_DIR must stand in quotes in .env'],
    [
      'with half a quote',
      `SESSION_PASSWORD="${PASSWORD}\nHOST="::1"`,
      'SESSION_PASSWORD must be one line',
    ],
  ])('%s is refused by name, without a value', (_case, content, message) => {
    const faults = faultsOf(content);
    expect(faults).toEqual([expect.stringContaining(message)]);
    expect(faults.join()).not.toContain('secret');
  });

  test('is refused together with faults of values, but not for variables of other programs', () => {
    expect(faultsOf('nonsense\nHOST=::1\nPORT=x\nTHEIRS=a#b\n')).toEqual([
      expect.stringMatching(/^\.env must have .* line 1/),
      expect.stringMatching(/^PORT must/),
    ]);
  });

  test('that is a folder is refused; a link to nothing is no file', () => {
    mkdirSync('.env');
    expect(loadConfig).toThrow('.env must be a file with text in UTF-8 (EISDIR)');
    rmSync('.env', { recursive: true });
    symlinkSync('nowhere', '.env');
    expect(loadConfig().port).toBe(4000);
  });
});

test('each command ends with 1 at a broken .env, and doctor looks at nothing else', async () => {
  const main = join(process.cwd(), 'dist/src/main.js');
  const within = (command: string) =>
    run('sh', ['-c', `mkdir .env && exec "$0" ${main} ${command}`, process.execPath]);
  const { code, stderr } = await within('session --user x');
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^Invalid.*\n {2}\.env must be.*\n$/)]);
  const doctor = await within('doctor');
  expect(doctor).toMatchObject({ code: 1, stderr: '' });
  expect(doctor.stdout).toMatch(/^Configuration\n {2}✗ \.env must be a file.*\n$/);
});

test('a command prints warnings to stderr, and does its work', async () => {
  const env = { SESSION_PASSWORD: PASSWORD, CORS_ORIGIN: 'secret' };
  const { code, stdout, stderr } = await cli(['session', '--user', 'x'], env);
  const warning = 'CORS_ORIGIN is no variable of this server: CORS_ORIGINS may be meant\n';
  expect([code, stderr]).toEqual([0, warning]);
  expect(stdout).toMatch(/^neptun-session=/);
});
