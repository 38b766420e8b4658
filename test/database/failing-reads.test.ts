import { beforeAll, expect, test } from '@jest/globals';
import { describeOnPostgres } from '../helpers/databases.js';
import { json, useServer } from '../helpers/server.js';

const QUERY = { query: '{ viewer { installations { id } } }' };

/** A view whose rows raise an error, each second time or always. */
const FAILING_ROWS = `
  CREATE SEQUENCE attempts;
  CREATE FUNCTION fails(state text, always boolean) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('attempts') % 2 = 1 OR always THEN RAISE 'secret' USING ERRCODE = state; END IF;
    RETURN true;
  END $$;
  ALTER TABLE github_app_installation RENAME TO installation_row;
  CREATE VIEW github_app_installation AS SELECT * FROM installation_row
    WHERE fails(left(neptun_user_id, 5), right(neptun_user_id, 6) = 'always')`;

describeOnPostgres('A read that fails with SQLSTATE', () => {
  const server = useServer('PostgreSQL');
  beforeAll(() => server().sql(FAILING_ROWS));

  test.each(['40001', '40P01', '08006', '57P01', '0A000'])(
    '%s succeeds when repeated, and only once',
    async (state) => {
      await server().sql(`SELECT setval('attempts', 2)`);
      const once = await server().addUser(['1'], `${state} once`);
      expect((await server().rest(once)).status).toBe(200);
      const always = await server().addUser(['1'], `${state} always`);
      expect((await server().rest(always)).status).toBe(503);
    },
  );

  test.each([
    '42501',
    '22012',
    '22P02',
    '22P05',
    '23514',
    '53200',
    '55P03',
    'P0001',
    'XX001',
    'ZZ999',
  ])('%s is unavailable for its user', async (state) => {
    await server().addUser(['1'], `${state} always`);
    const other = await server().addUser();
    const [failed, read] = await Promise.all([
      server().rest(`${state} always`),
      server().rest(other),
    ]);
    expect(failed.status).toBe(503);
    expect(await failed.text()).not.toContain('secret');
    const answer = await json(await server().graphql(QUERY, { as: `${state} always` }));
    expect(answer.errors[0].extensions).toEqual({ code: 'SERVICE_UNAVAILABLE' });
    // These classes are taken to be of all reads of a batch.
    if (!/^(42|53|55)/.test(state)) expect(read.status).toBe(200);
    expect((await fetch(`${server().url}/ready`)).status).toBe(200);
  });
});
