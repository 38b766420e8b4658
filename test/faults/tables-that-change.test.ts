import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { describeError } from '../../src/observability/error-log.js';
import { until } from '../cli/process.js';
import { createDatabase, type TestDatabase } from '../helpers/databases.js';
import { execute } from '../helpers/other-tables.js';
import { json, startTestServer, type TestServer } from '../helpers/server.js';

const ROLE = 'reader_of_changed_tables';
const QUERY = { query: '{ viewer { id createdAt installations { githubInstallationId } } }' };
const TABLES = 'neptun_user, github_app_installation';

let database: TestDatabase;
let server: TestServer;
let log: { level: number; msg: string }[];
beforeAll(async () => {
  database = await createDatabase('PostgreSQL');
  await execute(database, `DROP ROLE IF EXISTS ${ROLE}; CREATE ROLE ${ROLE} LOGIN`);
  // Makes the tables.
  const owner = await startTestServer(database);
  await owner.ready;
  await owner.addUser(['1'], 'somebody');
  await owner.close();
  await admin(`GRANT SELECT ON ${TABLES} TO ${ROLE}`);
  const url = new URL(database.env.DATABASE_URL ?? '');
  url.username = ROLE;
  log = [];
  const sink = { write: (line: string) => void log.push(JSON.parse(line)) };
  server = await startTestServer(
    { ...database, env: { ...database.env, DATABASE_URL: url.href } },
    {},
    pino({ serializers: { err: describeError } }, sink),
  );
  await server.ready;
});
afterAll(async () => {
  await server?.close();
  await execute(database, `DROP OWNED BY ${ROLE}; DROP ROLE ${ROLE}`);
  await database?.remove();
});
beforeEach(() => {
  log.length = 0;
});

const admin = (text: string) => execute(database, text);
const read = async () => (await server.rest('somebody')).status;

const installation = (githubInstallationId: string, createdAt: string, updatedAt: string) => ({
  github_installation_id: githubInstallationId,
  neptun_user_id: 'nullable',
  created_at: `${createdAt}T00:00:00.000Z`,
  updated_at: `${updatedAt}T00:00:00.000Z`,
});

async function ready() {
  const response = await fetch(`${server.url}/ready`);
  return { status: response.status, ...(await json(response)) };
}

const RENAMED = `public.neptun_user.created_at is missing`;

test.each([
  [
    'a right that is revoked',
    `REVOKE SELECT ON neptun_user FROM ${ROLE}`,
    `GRANT SELECT ON neptun_user TO ${ROLE}`,
    `public.neptun_user is not readable by this role: GRANT SELECT ON public.neptun_user TO ${ROLE}`,
  ],
  [
    'a right to one column',
    `REVOKE SELECT ON github_app_installation FROM ${ROLE}; GRANT SELECT (id, neptun_user_id) ON github_app_installation TO ${ROLE}`,
    `GRANT SELECT ON github_app_installation TO ${ROLE}`,
    'public.github_app_installation.github_installation_id is not readable by this role',
  ],
  [
    'a right to the schema',
    `REVOKE USAGE ON SCHEMA public FROM PUBLIC, ${ROLE}`,
    `GRANT USAGE ON SCHEMA public TO PUBLIC`,
    'neptun_user is missing',
  ],
  [
    'a right to a function that reads use',
    'REVOKE EXECUTE ON FUNCTION pg_catalog.json_array_elements_text(json) FROM PUBLIC',
    'GRANT EXECUTE ON FUNCTION pg_catalog.json_array_elements_text(json) TO PUBLIC',
    'a right is missing (SQLSTATE 42501)',
  ],
  [
    'a table that is renamed',
    'ALTER TABLE github_app_installation RENAME TO hidden',
    'ALTER TABLE hidden RENAME TO github_app_installation',
    'github_app_installation is missing',
  ],
  [
    'a column that is renamed',
    'ALTER TABLE neptun_user RENAME created_at TO made_at',
    'ALTER TABLE neptun_user RENAME made_at TO created_at',
    RENAMED,
  ],
  [
    'a column that is dropped',
    'ALTER TABLE neptun_user DROP created_at',
    'ALTER TABLE neptun_user ADD created_at timestamp NOT NULL DEFAULT now()',
    RENAMED,
  ],
  [
    'a type that cannot be served',
    'ALTER TABLE github_app_installation ALTER github_installation_id TYPE numeric',
    'ALTER TABLE github_app_installation ALTER github_installation_id TYPE text',
    'github_installation_id is numeric',
  ],
])('%s is 503 with its reason until it is mended', async (_name, change, mend, reason) => {
  await admin(change);
  await until(async () => (await ready()).status === 503);
  for (let n = 0; n < 5; n++) {
    expect(await read()).toBe(503);
    const answer = await json(await server.graphql(QUERY, { as: 'somebody' }));
    expect(answer.errors[0].extensions.code).toBe('SERVICE_UNAVAILABLE');
  }
  expect(await ready()).toEqual({
    status: 503,
    ready: false,
    database: true,
    migrations: false,
    serving: true,
    reason: expect.stringContaining(reason),
  });
  await admin(mend);
  await until(async () => (await read()) === 200);
  expect((await ready()).status).toBe(200);
  const answer = await json(await server.graphql(QUERY, { as: 'somebody' }));
  expect(answer.data.viewer.installations).toEqual([{ githubInstallationId: '1' }]);
  await until(() => log.some(({ msg }) => /well again/.test(msg)));
  const warnings = log.filter(({ level, msg }) => level >= 40 && !/^Pending|index/.test(msg));
  expect(new Set(warnings.map(({ msg }) => msg)).size).toBe(warnings.length);
  expect(warnings.some(({ msg }) => msg.includes(reason))).toBe(true);
});

test('a column that becomes nullable moves no value of another: a row without an id of GitHub is left out', async () => {
  await admin(`ALTER TABLE github_app_installation ALTER created_at DROP NOT NULL,
      ALTER updated_at DROP NOT NULL, ALTER github_installation_id DROP NOT NULL;
    INSERT INTO neptun_user (id) VALUES ('nullable');
    INSERT INTO github_app_installation (neptun_user_id, github_installation_id, created_at, updated_at) VALUES
      ('nullable', '21', NULL, '2026-02-01T00:00:00Z'),
      ('nullable', NULL, '2026-01-02T00:00:00Z', '2026-02-02T00:00:00Z'),
      ('nullable', '23', '2026-01-03T00:00:00Z', '2026-02-03T00:00:00Z'),
      ('nullable', '24', '2026-01-04T00:00:00Z', NULL)`);
  const served = (await json(await server.rest('nullable'))) as Record<string, unknown>[];
  expect(served.map(({ id, ...rest }) => rest)).toEqual([
    installation('21', '2026-02-01', '2026-02-01'),
    installation('23', '2026-01-03', '2026-02-03'),
    installation('24', '2026-01-04', '2026-01-04'),
  ]);
  const { data } = await json(await server.graphql(QUERY, { as: 'nullable' }));
  expect(data.viewer.installations).toEqual(
    ['21', '23', '24'].map((githubInstallationId) => ({ githubInstallationId })),
  );
  await admin(`DELETE FROM github_app_installation WHERE neptun_user_id = 'nullable';
    ALTER TABLE github_app_installation ALTER created_at SET NOT NULL,
      ALTER updated_at SET NOT NULL, ALTER github_installation_id SET NOT NULL`);
});

test('a table whose ids get another type is read by the new one, without a refusal at /ready for long', async () => {
  await admin(`ALTER TABLE github_app_installation DROP CONSTRAINT github_app_installation_user_fkey;
    DELETE FROM github_app_installation; DELETE FROM neptun_user;
    ALTER TABLE neptun_user ALTER id TYPE integer USING id::integer;
    ALTER TABLE github_app_installation ALTER neptun_user_id TYPE integer USING neptun_user_id::integer;
    INSERT INTO neptun_user (id) VALUES (7);
    INSERT INTO github_app_installation (neptun_user_id, github_installation_id) VALUES (7, '8')`);
  await until(async () => (await server.rest('7')).status === 200);
  expect(await json(await server.rest('7'))).toMatchObject([{ neptun_user_id: '7' }]);
  expect((await server.rest('somebody')).status).toBe(404);
  expect((await ready()).status).toBe(200);
});
