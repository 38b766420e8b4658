import { afterEach, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { cli, until } from '../cli/process.js';
import {
  createDatabase,
  type DatabaseKind,
  describeOnEachDatabase,
  describeOnPostgres,
  type TestDatabase,
} from '../helpers/databases.js';
import { startGithub, type TestGithub } from '../helpers/github.js';
import { execute, tablesOf } from '../helpers/other-tables.js';
import { cookieOfGithubUser, json, startTestServer } from '../helpers/server.js';

const ends: (() => Promise<void>)[] = [];
/** In the order of their use, also after a failure. */
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function prepare(kind: DatabaseKind) {
  const database = await createDatabase(kind);
  ends.push(() => database.remove());
  const github = await startGithub();
  ends.push(() => github.close());
  return { database, github };
}

/** A server with an App, and its log. */
async function start(database: TestDatabase, github: TestGithub, env = {}) {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line).msg);
  const log = pino({ level: 'info' }, { write });
  const server = await startTestServer(database, { ...github.env, ...env }, log);
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= server.close();
    return closed;
  };
  ends.push(close);
  await server.ready;
  const logged = (text: string) => lines.filter((line) => line.includes(text)).length;
  return { ...server, close, logged };
}

function install(github: TestGithub, login: string): void {
  const account = github.world.addAccount(login);
  github.actions.createRepository(account, { name: 'repository' });
  github.actions.install(github.app, account);
}

const syncs = ({ calls }: TestGithub) =>
  calls.filter((call) => call === 'GET /app/installations').length;

describeOnEachDatabase('A server with an App', (kind) => {
  test('syncs once by itself, says what does not fit, and measures what it keeps', async () => {
    const { github, database } = await prepare(kind);
    install(github, 'first-sync');
    const server = await start(database, github, { METRICS_PORT: '0' });
    await until(() => server.logged('synced with GitHub'));
    await until(() => server.logged('Settings at GitHub: the App has no webhook URL'));
    expect(
      server.logged('Webhooks keep the installations true, and npm run cli -- sync repairs'),
    ).toBe(1);
    const metrics = await (await fetch(`${server.metricsUrl}/metrics`)).text();
    expect(metrics).toContain('github_installations{status="active"} 1\n');
    expect(metrics).toContain('github_dirty_installations 0\n');
    expect(metrics).toMatch(/^github_last_sync_age_seconds [\d.]+$/m);
    expect(metrics).not.toMatch(/^github_last_delivery_age_seconds/m);
    await server.close();
    github.calls.length = 0;
    await start(database, github);
    await until(() => github.calls.includes('GET /app/hook/config'));
    expect(syncs(github)).toBe(0);
  }, 20_000);
});

test('A server with an App syncs by its timer, and ends in time amid a sync', async () => {
  const { github, database } = await prepare('PGlite');
  const server = await start(database, github, { GITHUB_SYNC_INTERVAL: '1' });
  await until(() => syncs(github) > 1);
  github.fault(() => ({ delay: 600_000 }));
  github.calls.length = 0;
  await until(() => github.calls.length > 0);
  const started = performance.now();
  await server.close();
  expect(performance.now() - started).toBeLessThan(10_000);
}, 20_000);

test('A server says what its configuration can and cannot keep true', async () => {
  const { github, database } = await prepare('PGlite');
  const cases: [Record<string, string>, string][] = [
    [{ GITHUB_WEBHOOK_SECRET: '' }, 'Changes at GitHub are seen only by npm run cli'],
    [
      { GITHUB_WEBHOOK_SECRET: '', GITHUB_SYNC_INTERVAL: '3600' },
      'Changes at GitHub are seen only by the sync every 3600 s',
    ],
    [{ GITHUB_APP_PRIVATE_KEY: '', GITHUB_API_URL: '' }, 'Webhooks alone are believed'],
    [{ GITHUB_SYNC_INTERVAL: '3600' }, 'the sync every 3600 s repairs what they missed'],
  ];
  for (const [env, text] of cases) {
    const server = await start(database, github, env);
    await until(() => server.logged(text));
    await server.close();
  }
}, 30_000);

test('A server with the key of another App says so, and keeps what it has', async () => {
  const { github, database } = await prepare('PGlite');
  github.fault(() => ({ status: 401, message: 'no' }));
  const server = await start(database, github);
  await until(() => server.logged('the sync with GitHub has failed'));
  expect((await server.rest(await server.addUser(['5']))).status).toBe(200);
});

describeOnPostgres('On tables of another program', () => {
  test('a server keeps nothing and says so once, until they are adopted; then it begins', async () => {
    const { github, database } = await prepare('PostgreSQL');
    await execute(database, tablesOf({ githubId: 'bigint', more: '' }));
    install(github, 'adopted');
    const server = await start(database, github);
    await until(() => server.logged('What GitHub says is not kept'));
    expect(server.logged('run npm run cli -- migrate --adopt')).toBe(1);
    await server.sql("INSERT INTO neptun_user (id, primary_email) VALUES (17, 'a@example.com')");
    // The session is opened once, and remembered.
    const cookie = await cookieOfGithubUser('17', 99);
    const url = `${server.url}/api/users/17/installations`;
    expect((await fetch(url, { headers: { cookie } })).status).toBe(200);
    expect((await cli(['migrate', '--adopt'], database.env)).code).toBe(0);
    await until(() => server.logged('synced with GitHub'));
    expect(server.logged('What GitHub says is not kept')).toBe(1);
    const [id] = github.world.installations.keys();
    await until(
      async () => (await server.sql('SELECT FROM github_identity WHERE github_id = 99')).length > 0,
    );
    expect(await server.sql('SELECT user_id, source FROM github_identity')).toEqual([
      { user_id: '17', source: 'session' },
    ]);
    await server.sql(
      'INSERT INTO github_app_installation (neptun_user_id, github_installation_id) VALUES (17, $1)',
      [id],
    );
    const query = '{ viewer { installations { status } } }';
    const answer = await json(await server.graphql({ query }, { as: '17' }));
    expect(answer.data.viewer.installations).toEqual([{ status: 'ACTIVE' }]);
    expect(await server.sql('SELECT account_login FROM github_fact_installation')).toEqual([
      { account_login: 'adopted' },
    ]);
  }, 30_000);
});
