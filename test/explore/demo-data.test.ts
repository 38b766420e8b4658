import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { cli } from '../cli/process.js';
import { createDatabase, describeOnEachDatabase, type TestDatabase } from '../helpers/databases.js';
import { startTestServer } from '../helpers/server.js';

const COUNTS = `SELECT u.id, count(i.id)::int AS installations FROM neptun_user u
  LEFT JOIN github_app_installation i ON i.neptun_user_id = u.id GROUP BY u.id ORDER BY 2`;

describeOnEachDatabase('Demo data', (kind) => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createDatabase(kind);
  });
  afterEach(() => database.remove());
  const counts = async (env = {}) => {
    const server = await startTestServer(database, env);
    await server.ready;
    const rows = await server.sql<{ id: string; installations: number }>(COUNTS);
    await server.close();
    return Object.fromEntries(rows.map(({ id, installations }) => [id, installations]));
  };

  test('of `seed` is a user with none, with a few and, on the embedded database, with many', async () => {
    for (let run = 0; run < 2; run++)
      expect(await cli(['seed'], database.env)).toMatchObject({ code: 0, stderr: '' });
    const many = kind === 'PGlite' ? { 'user-with-many': 1_000 } : {};
    expect(await counts()).toEqual({ 'user-with-none': 0, user123: 3, ...many });
  });

  test('of a start is the same, on the embedded database only', async () => {
    const seeded = { 'user-with-none': 0, user123: 3, 'user-with-many': 1_000 };
    expect(await counts()).toEqual(kind === 'PGlite' ? seeded : {});
    expect(await counts()).toEqual(kind === 'PGlite' ? seeded : {});
  });
});
