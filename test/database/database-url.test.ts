import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { expect, test } from '@jest/globals';
import pg from 'pg';
import { ConfigError, loadConfig } from '../../src/config.js';
import { addressOf } from '../../src/database/database-url.js';
import { cli } from '../cli/process.js';

const folder = mkdtempSync(join(process.env.TEST_TEMP ?? '', 'url-'));
const none = join(folder, 'none.pem');
const garbage = join(folder, 'garbage.pem');
writeFileSync(garbage, 'secret');

const faultsOf = (DATABASE_URL: string): readonly string[] => {
  try {
    loadConfig({ DATABASE_URL });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults;
  }
};

test.each([
  ['postgresql://u:p@host/db', 'host:5432/db'],
  ['postgres://u:p@host:5433/db', 'host:5433/db'],
  ['POSTGRESQL://host/db', 'host:5432/db'],
  ['postgresql://u:p@[::1]:5433/db', '[::1]:5433/db'],
  ['postgresql:///db', 'localhost:5432/db'],
  [
    'postgresql://u:p@/db?host=/cloudsql/project:region:instance',
    '/cloudsql/project:region:instance/.s.PGSQL.5432 db',
  ],
  ['postgresql:///db?host=/run/pg&port=6432', '/run/pg/.s.PGSQL.6432 db'],
  ['postgresql://u:p@localhost/db?host=/run/pg', '/run/pg/.s.PGSQL.5432 db'],
  ['postgresql://%2Frun%2Fpg/db', '/run/pg/.s.PGSQL.5432 db'],
  ['postgresql://u:p@%2Frun%2Fpg:6432/db', '/run/pg/.s.PGSQL.6432 db'],
  ['socket:/run/pg?db=db', '/run/pg/.s.PGSQL.5432 db'],
  ['socket://u:p@/run/pg?db=db', '/run/pg/.s.PGSQL.5432 db'],
  ['/run/pg db', '/run/pg/.s.PGSQL.5432 db'],
  ['postgresql://u:a@b@host/db', 'host:5432/db'],
  ['postgresql://u:50%@host/db', 'host:5432/db'],
  ['postgresql://u:p w@host/db', 'host:5432/db'],
  ['postgresql://u:a%23%2F%3Fb@host/a%20b', 'host:5432/a b'],
  ['postgresql://u:p@host/db?user=a@b', 'host:5432/db'],
  ['postgresql://host/db?options=-c%20search_path%3Dapp', 'host:5432/db'],
  ['postgresql://host/db?ssl=true', 'host:5432/db'],
  ['postgresql://host/db?sslmode=disable', 'host:5432/db'],
  ['postgresql://host/db?sslmode=no-verify', 'host:5432/db'],
])('%s is taken as pg takes it', (DATABASE_URL, address) => {
  const { databaseUrl, warnings } = loadConfig({ DATABASE_URL });
  expect([databaseUrl, warnings, addressOf(DATABASE_URL)]).toEqual([DATABASE_URL, [], address]);
});

const ENCODE = 'must be a URL: percent-encode';
test.each([
  ['mysql://secret@host/db', 'must begin with postgresql://'],
  ['postgresql+asyncpg://u:secret@host/db', 'must begin with postgresql://'],
  ['host=secret dbname=db', 'must begin with postgresql://'],
  ['secret', 'must begin with postgresql://'],
  ['postgresql://u:secret@host', 'must have a database'],
  ['postgresql://u:secret@host/', 'must have a database'],
  ['postgresql://u:secret@host?sslmode=disable', 'must have a database'],
  ['socket:/run/secret', 'must have a database'],
  ['postgresql://u:secret#x@host/db', ENCODE],
  ['postgresql://u:secret/x@host/db', ENCODE],
  ['postgresql://u:secret?x@host/db', ENCODE],
  ['postgresql://u:1/secret@host/db', ENCODE],
  ['postgresql://u:1#secret@host/db', ENCODE],
  ['postgresql://u:1?secret@host/db', ENCODE],
  ['postgresql://u:%E0%A4secret@host/db', ENCODE],
  ['postgresql://u:secret@host:70000/db', ENCODE],
  ['postgresql://u:secret@host:port/db', ENCODE],
  ['postgresql://u:secret@host/db?port=70000', 'must have a port'],
  ['postgresql://u:secret@host/db?port=x', 'must have a port'],
  ['postgresql://u:secret@host:0/db', 'must have a port'],
  ['postgresql://u:secret@a,b/db', 'must have one host'],
  ['postgresql://u:secret@a:1,b:2/db', 'must have one host'],
  ['postgresql:///db?host=a,secret', 'must have one host'],
  ['postgresql://host/db?sslmode=secret', 'must have one of these as sslmode'],
  ['postgresql://host/db?sslmode=allow', 'must have one of these as sslmode'],
  ['postgresql://host/db?sslmode=', 'must have one of these as sslmode'],
  ['postgresql://host/db?ssl=false', 'must have sslmode=disable'],
  ['postgresql://host/db?sslnegotiation=secret', 'must have an sslrootcert'],
  ['postgresql://host/db?sslmode=verify-ca&uselibpqcompat=true', 'must have an sslrootcert'],
  [
    `postgresql://host/db?sslrootcert=${none}`,
    'must have as sslrootcert a file that can be read (ENOENT)',
  ],
  [`postgresql://host/db?sslcert=${none}`, 'must have as sslcert a file that can be read (ENOENT)'],
  [`postgresql://host/db?sslkey=${folder}`, 'must have as sslkey a file that can be read (EISDIR)'],
  [`postgresql://host/db?sslrootcert=${garbage}`, 'must have certificates in PEM'],
  [`postgresql://host/db?sslcert=${garbage}`, 'must have certificates in PEM'],
  [`postgresql://host/db?sslkey=${garbage}`, 'must have certificates in PEM'],
])('%s is refused by name, without a value', (url, message) => {
  const faults = faultsOf(url);
  expect(faults).toEqual([expect.stringContaining(`DATABASE_URL ${message}`)]);
  expect(faults.join()).not.toMatch(/secret|none\.pem/);
});

test('certificates are taken, but not with the key of another one', () => {
  const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(certificate, rootCertificates.slice(0, 2).join('\n'));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const url = `postgresql://host/db?sslrootcert=${certificate}`;
  expect(faultsOf(url)).toEqual([]);
  expect(faultsOf(`${url}&sslkey=${key}`)).toEqual([]);
  expect(faultsOf(`${url}&sslcert=${certificate}&sslkey=${key}`)).toEqual([
    expect.stringContaining('must have certificates in PEM'),
  ]);
});

test.each(['prefer', 'require', 'verify-ca'])(
  'sslmode=%s is verify-full, as for pg, with a warning of ours and none of pg',
  async (mode) => {
    const DATABASE_URL = `postgresql://u:secret@127.0.0.1:1/db?a=b&sslmode=${mode}`;
    const { databaseUrl, warnings } = loadConfig({ DATABASE_URL });
    expect(databaseUrl).toBe('postgresql://u:secret@127.0.0.1:1/db?a=b&sslmode=verify-full');
    expect(new pg.Client({ connectionString: DATABASE_URL }).ssl).toEqual(
      new pg.Client({ connectionString: databaseUrl ?? '' }).ssl,
    );
    expect(warnings).toEqual([expect.stringContaining(`DATABASE_URL has sslmode=${mode}, which`)]);
    const { stdout, stderr } = await cli(['doctor'], { DATABASE_URL });
    expect([stderr, stdout]).toEqual(['', expect.stringContaining(`! DATABASE_URL has sslmode=`)]);
    expect(stdout).not.toContain('secret');
  },
);

test('libpq’s meaning of sslmode is left to it', () => {
  const DATABASE_URL = 'postgresql://host/db?sslmode=require&uselibpqcompat=true';
  expect(loadConfig({ DATABASE_URL })).toMatchObject({ databaseUrl: DATABASE_URL, warnings: [] });
});

test.each(['schema', 'currentSchema', 'search_path'])(
  'the parameter %s of another driver brings a warning',
  (name) => {
    const { warnings } = loadConfig({ DATABASE_URL: `postgresql://host/db?${name}=secret` });
    expect(warnings).toEqual([
      `DATABASE_URL has ${name}, which is ignored: write options=-c%20search_path%3D…`,
    ]);
  },
);
