import { randomUUID } from 'node:crypto';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import pg from 'pg';

/** What a server needs in its environment to run on a database of its own, and how to be rid of it. */
export interface TestDatabase {
  env: { DATABASE_URL?: string; DATA_DIR: string };
  remove(): Promise<void>;
}

export type DatabaseKind = 'PGlite' | 'PostgreSQL';

/** Both databases where PostgreSQL is there; the set-up has said so where it is not. */
const KINDS: DatabaseKind[] = process.env.TEST_DATABASE_URL ? ['PGlite', 'PostgreSQL'] : ['PGlite'];

/** Runs the same tests once on each database. */
export function describeOnEachDatabase(name: string, tests: (kind: DatabaseKind) => void): void {
  describe.each(KINDS)(`${name}, on %s`, (kind) => tests(kind));
}

/** For what only PostgreSQL has: servers that go away, several clients. */
export const describeOnPostgres = process.env.TEST_DATABASE_URL ? describe : describe.skip;

/** An empty database: the server's own migrations fill it. */
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
