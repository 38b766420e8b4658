import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { ConfigError, loadConfig, VARIABLES } from '../src/config.js';

const PASSWORD = 'p'.repeat(32);

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
  const production = { NODE_ENV: 'production', SESSION_PASSWORD: PASSWORD };
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

test('SESSION_PASSWORD takes precedence over NUXT_SESSION_PASSWORD', () => {
  expect(loadConfig({ NUXT_SESSION_PASSWORD: PASSWORD }).sessionPassword).toBe(PASSWORD);
  const both = { NUXT_SESSION_PASSWORD: PASSWORD, SESSION_PASSWORD: 'q'.repeat(32) };
  expect(loadConfig(both).sessionPassword).toBe('q'.repeat(32));
});

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
