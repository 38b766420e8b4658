import { expect, test } from '@jest/globals';
import { cli } from '../cli/process.js';
import { createDatabase } from '../helpers/databases.js';
import { execute, tablesOf } from '../helpers/other-tables.js';
import { startPgBouncer } from '../helpers/pgbouncer.js';

test('migrate --adopt builds no index through it, as its lock would not hold', async () => {
  const database = await createDatabase('PostgreSQL');
  await execute(database, tablesOf());
  const bouncer = await startPgBouncer(database.env.DATABASE_URL as string, 2);
  const { code, stderr } = await cli(['migrate', '--adopt'], { DATABASE_URL: bouncer.url });
  expect([code, stderr]).toEqual([
    1,
    'DATABASE_URL leads to a pooler: an index needs a direct connection\n',
  ]);
  await bouncer.remove();
  await database.remove();
});
