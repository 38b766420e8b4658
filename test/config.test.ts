import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { ConfigError, loadConfig, VARIABLES } from '../src/config.js';

const PASSWORD = 'p'.repeat(32);

test('an empty environment is a development server on the embedded database', () => {
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

test('production listens everywhere and shows no explorers unless told to', () => {
  const production = { NODE_ENV: 'production', SESSION_PASSWORD: PASSWORD };
  expect(loadConfig(production)).toMatchObject({ host: '0.0.0.0', graphqlIde: false });
  expect(loadConfig({ ...production, GRAPHQL_IDE: 'true', HOST: '::1' })).toMatchObject({
    host: '::1',
    graphqlIde: true,
  });
});

test('every fault is named in one message, and no value is repeated', () => {
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

test('production without a password says which variable is missing', () => {
  expect(() => loadConfig({ NODE_ENV: 'production', PORT: 'x' })).toThrow(
    /PORT must.*SESSION_PASSWORD is required in production/s,
  );
});

test('the web application’s own name of the password is read as well, ours first', () => {
  expect(loadConfig({ NUXT_SESSION_PASSWORD: PASSWORD }).sessionPassword).toBe(PASSWORD);
  const both = { NUXT_SESSION_PASSWORD: PASSWORD, SESSION_PASSWORD: 'q'.repeat(32) };
  expect(loadConfig(both).sessionPassword).toBe('q'.repeat(32));
});

test('zero switches a rate limit off, an empty variable is unset, lists are split', () => {
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
  'TRUST_PROXY=%s is refused: it trusts everybody, or names no address',
  (address) => {
    expect(() => loadConfig({ TRUST_PROXY: address })).toThrow('\n  TRUST_PROXY must');
  },
);

test('the configuration is frozen', () => {
  expect(Object.isFrozen(loadConfig({}))).toBe(true);
});

test('.env.example and the README name the variables of the code, all of them and no others', () => {
  const example = readFileSync('.env.example', 'utf8');
  const named = [...example.matchAll(/^#? ?([A-Z_]+)=/gm)].map(([, name]) => name);
  expect(named.sort()).toEqual([...VARIABLES].sort());
  const readme = readFileSync('README.md', 'utf8');
  for (const name of VARIABLES) expect(readme).toContain(`\`${name}\``);
});
