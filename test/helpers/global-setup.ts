import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPool } from '../../src/database/embedded-pool.js';
import { createCluster, findPostgres, type PostgresCluster } from './postgres-cluster.js';

declare global {
  var testCluster: PostgresCluster | undefined;
}

/** Starts one PostgreSQL for all test files, and initializes an embedded database for them to copy. */
export default async function globalSetup(): Promise<void> {
  process.env.TEST_TEMP = mkdtempSync(join(tmpdir(), 'installations-test-'));
  const template = new EmbeddedPool(join(process.env.TEST_TEMP, 'template'));
  await template.query({ text: 'SELECT 1' });
  await template.end();

  if (process.env.TEST_DATABASE_URL) return;
  const binaries = findPostgres();
  if (binaries) {
    globalThis.testCluster = await createCluster(binaries);
    process.env.TEST_DATABASE_URL = globalThis.testCluster.url;
    process.env.TEST_POSTGRES_BINARIES = binaries;
  } else if (process.env.CI) {
    throw new Error(
      'PostgreSQL is missing: install the package postgresql, or set TEST_DATABASE_URL',
    );
  } else {
    console.warn(
      '\n********\nPostgreSQL is missing: ONLY THE EMBEDDED DATABASE IS TESTED.\n' +
        'Install the package postgresql, or set TEST_DATABASE_URL, to test both.\n********\n',
    );
  }
}
