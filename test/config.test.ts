import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, loadConfig, VARIABLES } from '../src/config.js';

const PASSWORD = 'p'.repeat(32);
const folder = mkdtempSync(join(process.env.TEST_TEMP ?? '', 'config-'));

const faultsOf = (env: NodeJS.ProcessEnv): readonly string[] => {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    return (error as ConfigError).faults;
  }
};
const namesAtFault = (env: NodeJS.ProcessEnv) => faultsOf(env).map((text) => text.split(' ')[0]);

test('the default is a development server on the embedded database', () => {
  expect(loadConfig({})).toMatchObject({
    environment: 'development',
    databaseUrl: null,
    dataDirectory: expect.stringMatching(/\/\.data$/),
    sessionPassword: null,
    host: '127.0.0.1',
    port: 4000,
    metricsPort: null,
    rateLimit: 6000,
    rateLimitAnonymous: 600,
    corsOrigins: [],
    trustProxy: [],
    graphqlIde: true,
    operations: null,
    logLevel: 'info',
  });
});

test('production listens on all addresses, and serves no explorers by default', () => {
  const production = { NODE_ENV: 'production', SESSION_PASSWORD: PASSWORD, DATA_DIR: '.data' };
  expect(loadConfig(production)).toMatchObject({ host: '0.0.0.0', graphqlIde: false });
  expect(loadConfig({ ...production, GRAPHQL_IDE: 'true', HOST: '::1' })).toMatchObject({
    host: '::1',
    graphqlIde: true,
  });
});

test('one message names every invalid variable, and no value', () => {
  const faults = {
    DATABASE_URL: 'mysql://secret@host/db',
    SESSION_PASSWORD: 'too-short-secret',
    SESSION_PASSWORD_PREVIOUS: 'short-secret',
    SESSION_MAX_AGE: '-1-secret',
    PORT: '70000',
    METRICS_PORT: 'secret',
    CORS_ORIGINS: 'https://secret.example/path',
    RATE_LIMIT: 'many-secret',
    RATE_LIMIT_ANONYMOUS: '1.5',
    TRUST_PROXY: 'secret-proxy',
    GRAPHQL_IDE: 'secret-yes',
    OPERATIONS_MANIFEST: '/secret/nowhere.json',
    NODE_ENV: 'secret-stage',
    LOG_LEVEL: 'secret-loud',
  };
  let message = '';
  try {
    loadConfig(faults);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    message = (error as Error).message;
  }
  for (const name of Object.keys(faults)) expect(message).toContain(`\n  ${name} must`);
  expect(message).not.toContain('secret');
});

test('a missing password in production is named beside other invalid variables', () => {
  expect(() => loadConfig({ NODE_ENV: 'production', PORT: 'x' })).toThrow(
    /PORT must.*SESSION_PASSWORD is required in production/s,
  );
});

test('SESSION_PASSWORD takes precedence over NUXT_SESSION_PASSWORD, with a warning if they differ', () => {
  expect(loadConfig({ NUXT_SESSION_PASSWORD: PASSWORD }).sessionPassword).toBe(PASSWORD);
  const both = { NUXT_SESSION_PASSWORD: PASSWORD, SESSION_PASSWORD: 'q'.repeat(32) };
  expect(loadConfig(both)).toMatchObject({
    sessionPassword: 'q'.repeat(32),
    warnings: ['NUXT_SESSION_PASSWORD is another one than SESSION_PASSWORD, and is ignored'],
  });
  expect(loadConfig({ ...both, NUXT_SESSION_PASSWORD: 'q'.repeat(32) }).warnings).toEqual([]);
});

describe('In production', () => {
  const production = { NODE_ENV: 'production', SESSION_PASSWORD: PASSWORD };

  test.each([
    ['', {}],
    [' under a name with a typo', { DATABSE_URL: 'postgresql://secret@host/db' }],
    [' that is empty', { DATABASE_URL: ' \n', DATA_DIR: '' }],
  ])('a start without a database%s is refused, with both names', (_case, env) => {
    const faults = faultsOf({ ...production, ...env });
    expect(faults).toEqual([expect.stringMatching(/^DATABASE_URL is required.*set DATA_DIR to/)]);
  });

  test('the message of the start shows the misspelt name beside', () => {
    const env = { ...production, DATABSE_URL: 'secret' };
    expect(() => loadConfig(env)).toThrow(/DATABASE_URL is.*\n {2}DATABSE_URL is no variable/);
  });

  test('a folder or a URL is enough', () => {
    expect(loadConfig({ ...production, DATA_DIR: folder }).databaseUrl).toBeNull();
    const DATABASE_URL = 'postgresql://host/db';
    expect(loadConfig({ ...production, DATABASE_URL }).databaseUrl).toBe(DATABASE_URL);
  });
});

test.each([
  ['DATABSE_URL', 'DATABASE_URL'],
  ['DATABASE_URI', 'DATABASE_URL'],
  ['database_url', 'DATABASE_URL'],
  ['\ufeffDATABASE_URL', 'DATABASE_URL'],
  ['SESION_PASSWORD', 'SESSION_PASSWORD'],
  ['SESSION_PASSWROD', 'SESSION_PASSWORD'],
  ['NUXT_SESION_PASSWORD', 'NUXT_SESSION_PASSWORD'],
  ['CORS_ORIGIN', 'CORS_ORIGINS'],
  ['TRUST_PROXIES', 'TRUST_PROXY'],
  ['TRUSTED_PROXY', 'TRUST_PROXY'],
  ['RATE_LIMITS', 'RATE_LIMIT'],
  ['RATE_LIMIT_ANONYMUS', 'RATE_LIMIT_ANONYMOUS'],
  ['LOGLEVEL', 'LOG_LEVEL'],
  ['OPERATION_MANIFEST', 'OPERATIONS_MANIFEST'],
  ['PROT', 'PORT'],
  ['NODE_EVN', 'NODE_ENV'],
])('%s brings a warning that names %s', (name, meant) => {
  const warning = `${name} is no variable of this server: ${meant} may be meant`;
  expect(loadConfig({ [name]: 'secret' }).warnings).toEqual([warning]);
});

test('usual variables, those of other programs and those beside a right one bring no warning', () => {
  const usual = `PATH PWD HOME HOSTNAME HOSTTYPE PORTS HOSTS POST SHELL TERM LANG USER LOGNAME MAIL TMPDIR EDITOR
    NODE_PATH NODE_OPTIONS NODE_VERSION NODE_EXTRA_CA_CERTS INIT_CWD XDG_DATA_DIRS DATABASE_HOST DATABASE_PORT
    DATABASE_NAME DATABASE_USER DATABASE_PASSWORD TEST_DATABASE_URL DB_PORT PGHOST PGPORT PGDATA REDIS_URL
    SESSION_SECRET METRICS_PATH LOG_FORMAT LOG_FILE DEBUG CI TZ NO_COLOR KUBERNETES_PORT KUBERNETES_SERVICE_HOST`;
  const env = Object.fromEntries(usual.split(/\s+/).map((name) => [name, 'x']));
  const right = { CORS_ORIGINS: 'https://a.example', CORS_ORIGIN: 'x' };
  expect(loadConfig({ ...env, ...right }).warnings).toEqual([]);
});

test('blanks and line ends around a value are not part of it', () => {
  const config = loadConfig({
    PORT: ' 5000\r\n',
    LOG_LEVEL: '\tdebug\n',
    SESSION_PASSWORD: `${PASSWORD} 'with' "quotes" #\n`,
    DATABASE_URL: '\ufeffpostgresql://host/db\n\n',
    CORS_ORIGINS: 'https://a.example , https://b.example\n',
  });
  expect(config).toMatchObject({
    port: 5000,
    logLevel: 'debug',
    sessionPassword: `${PASSWORD} 'with' "quotes" #`,
    databaseUrl: 'postgresql://host/db',
    corsOrigins: ['https://a.example', 'https://b.example'],
    warnings: [],
  });
  expect(loadConfig({ SESSION_PASSWORD: `${PASSWORD} \n` }).warnings).toEqual([
    expect.stringMatching(/^SESSION_PASSWORD has blanks around it/),
  ]);
});

/** But what else it needs. */
const textFaults = (name: string, value: string) =>
  faultsOf({ [name]: value }).filter((fault) => !fault.includes(' is nothing without '));

test('quotes around any value, and a value of several lines, are refused by name', () => {
  for (const name of VARIABLES) {
    for (const value of [`"${PASSWORD}"`, `'${PASSWORD}'\n`, '""', `\`${PASSWORD}\``])
      expect(textFaults(name, value)).toEqual([
        `${name} must not stand in quotes, which are taken for a part of it`,
      ]);
    // PEM has many.
    if (name === 'GITHUB_APP_PRIVATE_KEY') continue;
    expect(textFaults(name, `${PASSWORD}\nPORT=1`)).toEqual([`${name} must be one line`]);
  }
  expect(namesAtFault({ NODE_ENV: 'production', SESSION_PASSWORD: `"${PASSWORD}"` })).toEqual([
    'SESSION_PASSWORD',
    'DATABASE_URL',
  ]);
});

test.each([
  ['https://app.example.com', 'https://app.example.com'],
  ['https://App.Example.com:443/', 'https://app.example.com'],
  ['http://localhost:3000/', 'http://localhost:3000'],
  ['http://[::1]:3000', 'http://[::1]:3000'],
  ['https://bücher.example', 'https://xn--bcher-kva.example'],
  ['capacitor://localhost', 'capacitor://localhost'],
  ['ionic://localhost/', 'ionic://localhost'],
  ['Tauri://localhost', 'tauri://localhost'],
  ['app://.', 'app://.'],
  ['chrome-extension://abcdefghijklmnop', 'chrome-extension://abcdefghijklmnop'],
  ['moz-extension://0b1c-2d', 'moz-extension://0b1c-2d'],
])('the origin %s is allowed as browsers send it', (CORS_ORIGINS, origin) => {
  expect(loadConfig({ CORS_ORIGINS }).corsOrigins).toEqual([origin]);
});

test.each([
  ['*', 'wildcard'],
  ['https://*.example.com', 'wildcard'],
  ['capacitor://*', 'wildcard'],
  ['https://a.example,https://*', 'wildcard'],
  ['null', 'null'],
  ['https://a.example/path', 'exact'],
  ['https://a.example?x', 'exact'],
  ['https://user@a.example', 'exact'],
  ['a.example', 'exact'],
  ['localhost:3000', 'exact'],
  ['//a.example', 'exact'],
  ['https:a.example', 'exact'],
  ['https://a.example https://b.example', 'exact'],
  ['https://a.example:99999', 'exact'],
  ['file:///index.html', 'exact'],
  ['file://localhost', 'exact'],
  ['ws://a.example', 'exact'],
  ['["https://a.example"]', 'exact'],
])('CORS_ORIGINS=%s is refused: %s', (CORS_ORIGINS, reason) => {
  expect(faultsOf({ CORS_ORIGINS })).toEqual([
    expect.stringMatching(new RegExp(`^CORS_ORIGINS must .*${reason}`)),
  ]);
});

test.each(['http://127.0.0.1', '0.0.0.0:4000', 'localhost:4000', '[::1]', '*', 'a/b', 'a b'])(
  'HOST=%s is refused: it is more than an address or a name',
  (HOST) => {
    expect(namesAtFault({ HOST })).toEqual(['HOST']);
  },
);

test('METRICS_PORT must not be PORT, unless both are any free one', () => {
  expect(namesAtFault({ PORT: '5000', METRICS_PORT: '5000' })).toEqual(['METRICS_PORT']);
  expect(namesAtFault({ METRICS_PORT: '4000' })).toEqual(['METRICS_PORT']);
  expect(namesAtFault({ PORT: '0', METRICS_PORT: '0' })).toEqual([]);
});

test('DATA_DIR must be a folder, or a place for one, where something is kept in it', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  for (const DATA_DIR of [file, join(file, 'below')]) {
    expect(namesAtFault({ DATA_DIR })).toEqual(['DATA_DIR']);
    const kept = { DATABASE_URL: 'postgresql://host/db', SESSION_PASSWORD: PASSWORD };
    expect(namesAtFault({ DATA_DIR, ...kept })).toEqual([]);
  }
  expect(namesAtFault({ DATA_DIR: join(folder, 'not', 'yet') })).toEqual([]);
});

test.each(['password-with-at-least-32-characters', '80d42cfb-1cd2-462c-8f17-e3237d9027e9'])(
  'an example of a documentation as password brings a warning: %s',
  (password) => {
    const NUXT_SESSION_PASSWORD = password;
    expect(loadConfig({ NUXT_SESSION_PASSWORD }).warnings).toEqual([
      expect.stringMatching(/^NUXT_SESSION_PASSWORD is an example/),
    ]);
  },
);

test('zero disables a rate limit, an empty variable is unset, lists are split', () => {
  expect(
    loadConfig({
      RATE_LIMIT: '0',
      PORT: '',
      CORS_ORIGINS: 'https://a.example, http://localhost:3000',
      TRUST_PROXY: '10.0.0.0/8,::1',
    }),
  ).toMatchObject({
    rateLimit: null,
    port: 4000,
    corsOrigins: ['https://a.example', 'http://localhost:3000'],
    trustProxy: ['10.0.0.0/8', '::1'],
  });
});

test.each(['0.0.0.0/0', '::/0', '10.0.0.0/33', '10.0.0.0/8/8', 'proxy.example'])(
  'TRUST_PROXY=%s is refused: it trusts every address, or is not an address',
  (address) => {
    expect(() => loadConfig({ TRUST_PROXY: address })).toThrow('\n  TRUST_PROXY must');
  },
);

describe('The GitHub App', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs1', format: 'pem' }) as string;
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const file = join(folder, 'key.pem');
  writeFileSync(file, pem);
  const GITHUB_APP_ID = '12345';
  const secret = { GITHUB_WEBHOOK_SECRET: 'a secret of many characters' };
  const keyed = { GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY: pem };

  test('is not there by default; a key or a secret is enough', () => {
    expect(loadConfig({}).github).toBeNull();
    expect(loadConfig(keyed).github).toEqual({
      appId: '12345',
      privateKey: pkcs8,
      webhookSecrets: [],
      apiUrl: 'https://api.github.com',
      syncInterval: null,
      proofDays: 7,
      allowedAccounts: null,
      clientId: null,
      clientSecret: null,
      url: 'https://github.com',
      returnUrl: null,
      publicUrl: null,
    });
    const previous = { GITHUB_WEBHOOK_SECRET_PREVIOUS: 'the secret until yesterday' };
    expect(loadConfig({ GITHUB_APP_ID, ...secret, ...previous }).github).toMatchObject({
      privateKey: null,
      webhookSecrets: ['a secret of many characters', 'the secret until yesterday'],
    });
    const more = { GITHUB_API_URL: 'https://ghe.example/api/v3/', GITHUB_SYNC_INTERVAL: '3600' };
    expect(loadConfig({ ...keyed, ...more }).github).toMatchObject({
      apiUrl: 'https://ghe.example/api/v3',
      syncInterval: 3600,
    });
    expect(loadConfig({ ...keyed, GITHUB_SYNC_INTERVAL: '0' }).github?.syncInterval).toBeNull();
  });

  const client = { GITHUB_CLIENT_ID: 'Iv1', GITHUB_CLIENT_SECRET: 'secret' };

  test('lets users connect where it has a client secret', () => {
    const more = {
      PUBLIC_URL: 'https://api.example.com/',
      GITHUB_RETURN_URL: 'https://app.example.com/settings?tab=github#list',
      GITHUB_PROOF_DAYS: '30',
      GITHUB_ALLOWED_ACCOUNTS: 'Acme, octo-cat',
    };
    expect(loadConfig({ GITHUB_APP_ID, ...client, ...more }).github).toMatchObject({
      clientId: 'Iv1',
      clientSecret: 'secret',
      publicUrl: 'https://api.example.com',
      returnUrl: 'https://app.example.com/settings?tab=github#list',
      proofDays: 30,
      allowedAccounts: ['acme', 'octo-cat'],
    });
  });

  test.each([
    ['https://api.github.com', 'https://github.com'],
    ['https://api.acme.ghe.com', 'https://acme.ghe.com'],
    ['https://ghe.example/api/v3', 'https://ghe.example'],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000'],
  ])('finds GitHub’s pages by its API at %s', (api, pages) => {
    const env = { GITHUB_APP_ID, ...client, GITHUB_API_URL: api };
    expect(loadConfig(env).github?.url).toBe(pages);
    const GITHUB_URL = 'https://other.example/';
    expect(loadConfig({ ...env, GITHUB_URL }).github?.url).toBe('https://other.example');
  });

  test.each([
    ['PEM', { GITHUB_APP_PRIVATE_KEY: pem }],
    ['PEM, PKCS #8', { GITHUB_APP_PRIVATE_KEY: String(pkcs8) }],
    ['PEM with escaped line breaks', { GITHUB_APP_PRIVATE_KEY: pem.replaceAll('\n', '\\n') }],
    [
      'PEM with the line breaks of Windows',
      { GITHUB_APP_PRIVATE_KEY: pem.replaceAll('\n', '\r\n') },
    ],
    ['base64', { GITHUB_APP_PRIVATE_KEY: Buffer.from(pem).toString('base64') }],
    ['a file', { GITHUB_APP_PRIVATE_KEY_FILE: file }],
  ])('takes its private key as %s', (_form, key) => {
    expect(loadConfig({ GITHUB_APP_ID, ...key }).github?.privateKey).toBe(pkcs8);
  });

  test.each([
    ['GITHUB_APP_ID', { GITHUB_APP_ID }],
    ['GITHUB_APP_ID', { ...keyed, GITHUB_APP_ID: 'Iv23liABC' }],
    ['GITHUB_APP_ID', { ...keyed, GITHUB_APP_ID: '0' }],
    ['GITHUB_APP_PRIVATE_KEY', { GITHUB_APP_PRIVATE_KEY: pem }],
    ['GITHUB_APP_PRIVATE_KEY_FILE', { GITHUB_APP_PRIVATE_KEY_FILE: file }],
    ['GITHUB_APP_PRIVATE_KEY_FILE', { ...keyed, GITHUB_APP_PRIVATE_KEY_FILE: file }],
    ['GITHUB_APP_PRIVATE_KEY_FILE', { GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY_FILE: '/nowhere' }],
    ['GITHUB_APP_PRIVATE_KEY', { ...keyed, GITHUB_APP_PRIVATE_KEY: 'secret' }],
    ['GITHUB_APP_PRIVATE_KEY', { ...keyed, GITHUB_APP_PRIVATE_KEY: pem.slice(0, 300) }],
    ['GITHUB_APP_PRIVATE_KEY', { ...keyed, GITHUB_APP_PRIVATE_KEY: `"${pem}"` }],
    [
      'GITHUB_APP_PRIVATE_KEY',
      {
        ...keyed,
        GITHUB_APP_PRIVATE_KEY: String(elliptic.export({ type: 'pkcs8', format: 'pem' })),
      },
    ],
    ['GITHUB_WEBHOOK_SECRET', secret],
    ['GITHUB_WEBHOOK_SECRET', { ...keyed, GITHUB_WEBHOOK_SECRET: '"secret"' }],
    ['GITHUB_WEBHOOK_SECRET_PREVIOUS', { ...keyed, GITHUB_WEBHOOK_SECRET_PREVIOUS: 'secret' }],
    ['GITHUB_API_URL', { ...keyed, GITHUB_API_URL: 'ghe.example' }],
    ['GITHUB_API_URL', { ...keyed, GITHUB_API_URL: 'ftp://ghe.example' }],
    ['GITHUB_API_URL', { ...keyed, GITHUB_API_URL: 'https://secret@ghe.example' }],
    ['GITHUB_API_URL', { GITHUB_APP_ID, ...secret, GITHUB_API_URL: 'https://ghe.example' }],
    ['GITHUB_CLIENT_ID', { GITHUB_CLIENT_ID: 'Iv1' }],
    ['GITHUB_CLIENT_SECRET', { ...keyed, GITHUB_CLIENT_SECRET: 'secret' }],
    ['GITHUB_URL', { ...keyed, GITHUB_URL: 'https://ghe.example' }],
    ['GITHUB_URL', { ...keyed, ...client, GITHUB_URL: 'ghe.example' }],
    ['GITHUB_RETURN_URL', { ...keyed, GITHUB_RETURN_URL: 'https://app.example' }],
    ['GITHUB_RETURN_URL', { ...keyed, ...client, GITHUB_RETURN_URL: '//app.example' }],
    ['GITHUB_RETURN_URL', { ...keyed, ...client, GITHUB_RETURN_URL: 'javascript:alert(1)' }],
    ['GITHUB_PROOF_DAYS', { ...keyed, GITHUB_PROOF_DAYS: '0' }],
    ['GITHUB_PROOF_DAYS', { GITHUB_PROOF_DAYS: '7' }],
    ['GITHUB_ALLOWED_ACCOUNTS', { GITHUB_ALLOWED_ACCOUNTS: 'acme' }],
    ['GITHUB_ALLOWED_ACCOUNTS', { ...keyed, GITHUB_ALLOWED_ACCOUNTS: 'acme;octocat' }],
    ['PUBLIC_URL', { PUBLIC_URL: 'api.example.com' }],
    ['GITHUB_SYNC_INTERVAL', { ...keyed, GITHUB_SYNC_INTERVAL: '1h' }],
    ['GITHUB_SYNC_INTERVAL', { ...keyed, GITHUB_SYNC_INTERVAL: '999999999' }],
    ['GITHUB_SYNC_INTERVAL', { GITHUB_APP_ID, ...secret, GITHUB_SYNC_INTERVAL: '60' }],
  ])('at fault: %s is named, alone, and shows no value (%#)', (name, env) => {
    expect(namesAtFault(env)).toContain(name);
    expect(new Set(namesAtFault(env)).size).toBe(1);
    expect(faultsOf(env).join()).not.toContain('secret');
  });

  test('with a short secret brings a warning', () => {
    const short = { ...keyed, GITHUB_WEBHOOK_SECRET: 'short', GITHUB_WEBHOOK_SECRET_PREVIOUS: 's' };
    expect(loadConfig(short).warnings).toEqual([
      expect.stringMatching(/^GITHUB_WEBHOOK_SECRET has fewer than 16/),
      expect.stringMatching(/^GITHUB_WEBHOOK_SECRET_PREVIOUS has fewer than 16/),
    ]);
  });
});

test('the configuration is frozen', () => {
  expect(Object.isFrozen(loadConfig({}))).toBe(true);
});

test('.env.example lists exactly the variables of the code, and the README documents them', () => {
  const example = readFileSync('.env.example', 'utf8');
  const named = [...example.matchAll(/^#? ?([A-Z_]+)=/gm)].map(([, name]) => name);
  expect(named.sort()).toEqual([...VARIABLES].sort());
  const readme = readFileSync('README.md', 'utf8');
  for (const name of VARIABLES) expect(readme).toContain(`\`${name}\``);
});
