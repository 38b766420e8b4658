import { existsSync } from 'node:fs';

/** What Debian's packages of these names bring, and the tests of faults put before, behind or around the server. */
const programs = {
  postgresql: existsSync('/usr/lib/postgresql'),
  nginx: existsSync('/usr/sbin/nginx'),
  pgbouncer: existsSync('/usr/sbin/pgbouncer'),
  faketime: existsSync('/usr/bin/faketime'),
};
const missing = Object.keys(programs).filter((name) => !programs[name]);
const skipped = missing.length > 0 && !process.env.CI;
if (skipped) {
  console.warn(
    `\n********\nNOT TESTED: faults, fuzz and deploy. Install ${missing.join(', ')}.\n********\n`,
  );
}

/** @type {import('jest').Config} */
const config = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  // Decorators need it, whichever module a test loads first.
  setupFiles: ['reflect-metadata'],
  testPathIgnorePatterns: ['/node_modules/', ...(skipped ? ['/test/(faults|fuzz|deploy)/'] : [])],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  globalSetup: '<rootDir>/dist/test/helpers/global-setup.js',
  globalTeardown: '<rootDir>/dist/test/helpers/global-teardown.js',
  // Most tests wait for a process or a database of their own.
  maxWorkers: 2,
  testTimeout: 60_000,
};

export default config;
