import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase, describeOnPostgres, type TestDatabase } from '../helpers/databases.js';
import { execute } from '../helpers/other-tables.js';
import { json, startTestServer, type TestServer } from '../helpers/server.js';

const QUERY = { query: '{ viewer { id installations { id } } }' };

describeOnPostgres('A database', () => {
  describe.each([
    ['LATIN1', 'José', ['日本', 'Jos€', '😀']],
    ['EUC_JP', '日本', ['한국', '😀', 'José 😀']],
    ['SQL_ASCII', 'José', ['日本', '😀']],
  ])('in %s', (encoding, held, others) => {
    const name = `test_${randomUUID().replaceAll('-', '')}`;
    let cluster: TestDatabase;
    let server: TestServer;
    beforeAll(async () => {
      cluster = await createDatabase('PostgreSQL');
      await execute(
        cluster,
        `CREATE DATABASE ${name} TEMPLATE template0 ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C'`,
      );
      const url = new URL(cluster.env.DATABASE_URL ?? '');
      url.pathname = name;
      server = await startTestServer({
        ...cluster,
        env: { ...cluster.env, DATABASE_URL: url.href },
      });
      await server.ready;
      await server.addUser(['1'], held);
    });
    afterAll(async () => {
      await server?.close();
      await execute(cluster, `DROP DATABASE ${name}`);
      await cluster?.remove();
    });

    test.each(others)(
      'has no user %s, whose id it cannot hold, beside those it has',
      async (id) => {
        const [missing, ...found] = await Promise.all(
          [id, held, held].map((each) => server.rest(each)),
        );
        expect(missing?.status).toBe(404);
        for (const response of found) {
          expect(response.status).toBe(200);
          expect(await json(response)).toMatchObject([{ neptun_user_id: held }]);
        }
        const answer = await json(await server.graphql(QUERY, { as: id }));
        expect(answer.errors[0].extensions).toEqual({ code: 'NOT_FOUND' });
        expect((await fetch(`${server.url}/ready`)).status).toBe(200);
      },
    );
  });

  test('whose rows cannot be converted is unavailable for their user, and not without the user', async () => {
    const database = await createDatabase('PostgreSQL');
    const server = await startTestServer(database);
    await server.ready;
    const [bad, good] = [await server.addUser(['1']), await server.addUser(['2'])];
    await server.sql(`ALTER TABLE github_app_installation RENAME TO rows;
      CREATE VIEW github_app_installation AS SELECT id, neptun_user_id, github_installation_id,
        created_at + (CASE neptun_user_id WHEN '${bad}' THEN neptun_user_id ELSE '0' END)::interval AS created_at,
        updated_at FROM rows`);
    const [failed, read] = await Promise.all([bad, good].map((id) => server.rest(id)));
    expect([failed?.status, read?.status]).toEqual([503, 200]);
    await server.close();
    await database.remove();
  });
});
