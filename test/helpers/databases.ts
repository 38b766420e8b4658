import { randomUUID } from 'node:crypto';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import pg from 'pg';

/** A database of its own for a test, as the environment of a server. */
export interface TestDatabase {
  env: { DATABASE_URL?: string; DATA_DIR: string };
  remove(): Promise<void>;
}

export type DatabaseKind = 'PGlite' | 'PostgreSQL';

/** Those that there are, the embedded one first. */
export const KINDS: readonly DatabaseKind[] = process.env.TEST_DATABASE_URL
  ? ['PGlite', 'PostgreSQL']
  : ['PGlite'];

export function describeOnEachDatabase(name: string, tests: (kind: DatabaseKind) => void): void {
  describe.each(KINDS)(`${name}, on %s`, (kind) => tests(kind));
}

/** For tests of several clients, and of outages. */
export const describeOnPostgres = process.env.TEST_DATABASE_URL ? describe : describe.skip;

/** Without tables: the server migrates it. */
export async function createDatabase(kind: DatabaseKind): Promise<TestDatabase> {
  const folder = join(process.env.TEST_TEMP ?? '', randomUUID());
  if (kind === 'PGlite') {
    await cp(join(process.env.TEST_TEMP ?? '', 'template'), folder, { recursive: true });
    return {
      env: { DATA_DIR: folder },
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  }
  await mkdir(folder, { recursive: true });
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await onServer(`CREATE DATABASE ${name}`);
  const url = new URL(process.env.TEST_DATABASE_URL ?? '');
  url.pathname = name;
  return {
    env: { DATABASE_URL: url.href, DATA_DIR: folder },
    async remove() {
      await onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
