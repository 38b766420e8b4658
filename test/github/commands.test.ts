import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Installation } from '../../src/explore/demo-github/model.js';
import { cli, type Served, serve, startCli, until } from '../cli/process.js';
import {
  createDatabase,
  type DatabaseKind,
  describeOnEachDatabase,
  describeOnPostgres,
  type TestDatabase,
} from '../helpers/databases.js';
import { type TestGithub, useGithub } from '../helpers/github.js';
import { execute, tablesOf } from '../helpers/other-tables.js';
import { PASSWORD } from '../helpers/server.js';

function install(github: TestGithub, login: string, repositories = 1): Installation {
  const account = github.world.addAccount(login);
  for (let index = 0; index < repositories; index++)
    github.actions.createRepository(account, { name: `repository-${index}` });
  return github.actions.install(github.app, account);
}

const factsOf = (database: TestDatabase) =>
  execute<{ account_login: string }>(
    database,
    'SELECT * FROM github_fact_installation ORDER BY id',
  );

function useDatabase(kind: DatabaseKind): () => TestDatabase {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase(kind);
  });
  afterAll(() => database?.remove());
  return () => database;
}

describeOnEachDatabase('The commands about GitHub', (kind) => {
  const github = useGithub();
  const database = useDatabase(kind);
  const env = () => ({ ...github().env, ...database().env });

  test('sync: fills empty tables, prints a summary, and a dry run what it would change', async () => {
    const acme = install(github(), 'acme', 2);
    expect(await cli(['sync'], env())).toEqual({
      code: 0,
      stdout: 'Synced: checked 1, changed 1, missing 0, repaired 0, failed 0\n',
      stderr: '',
    });
    github().actions.renameAccount(acme.account, 'acme-renamed');
    const dry = await cli(['sync', '--dry-run'], env());
    expect(dry.code).toBe(0);
    expect(dry.stdout).toMatch(
      /^Installation \d+ of acme-renamed differs.*\nNothing was written\. .*changed 1,/,
    );
    expect(await factsOf(database())).toMatchObject([{ account_login: 'acme' }]);
    const one = await cli(['sync', '--installation', String(acme.id)], env());
    expect([one.code, one.stdout]).toEqual([0, expect.stringContaining('repaired 1')]);
    expect(await factsOf(database())).toMatchObject([{ account_login: 'acme-renamed' }]);
  });

  test.each([
    ['a key that GitHub refuses', { status: 401, message: 'no' }, /GITHUB_APP_PRIVATE_KEY/],
    ['an App that GitHub does not know', { status: 404, message: 'no' }, /GITHUB_APP_ID/],
  ])('sync: with %s exits with 1, and changes nothing', async (_case, fault, message) => {
    const before = await factsOf(database());
    github().fault(() => fault);
    const { code, stderr } = await cli(['sync'], env());
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(await factsOf(database())).toEqual(before);
  });

  test('status: shows App, settings, deliveries, marks and the last sync', async () => {
    const { code, stdout } = await cli(['github', 'status'], env());
    expect(code).toBe(0);
    expect(stdout).toContain(`✓ ${github().app.name} (${github().app.slug}): GitHub accepts`);
    expect(stdout).toMatch(/permissions: members: read, metadata: read\n/);
    expect(stdout).toMatch(/! the App has no webhook URL: set it to /);
    expect(stdout).toMatch(/installations: 1 active, 0 suspended, 0 missing/);
    expect(stdout).toMatch(/marked, to be asked about: none\n/);
    expect(stdout).toMatch(/last complete sync: \d{4}-.* \(checked 1, /);
  });

  test('status and doctor: say what to change in the settings of the App', async () => {
    github().fault(({ path }) =>
      path === '/app'
        ? { change: (app) => ({ ...app, permissions: {}, events: ['repository'] }) }
        : undefined,
    );
    const secret = { GITHUB_WEBHOOK_SECRET: 'short' };
    for (const command of [['github', 'status'], ['doctor']]) {
      const { stdout } = await cli(command, { ...env(), ...secret });
      expect(stdout).toMatch(/! the App lacks the permission metadata: read, .* https:\/\/github/);
      expect(stdout).toMatch(
        /does not subscribe to installation_target, meta, organization \(needs members: read\), public,/,
      );
      expect(stdout).toMatch(/! a webhook secret has fewer than 16 characters/);
      expect(stdout).not.toContain('short\n');
    }
  });

  test('doctor: finds a key that is not the App’s, and a clock that is wrong', async () => {
    github().fault(() => ({ status: 401, message: 'no' }));
    const refused = await cli(['doctor'], env());
    expect([refused.code, refused.stdout]).toEqual([
      1,
      expect.stringMatching(/GitHub App\n {2}✗ GitHub refuses the private key/),
    ]);
    github().fault(null);
    github().world.now = () => new Date(Date.now() + 50_000);
    const ahead = await cli(['doctor'], env());
    github().world.now = () => new Date();
    expect(ahead.stdout).toMatch(/! (49|50) s between this clock and GitHub’s/);
  });

  test('explain: says why an installation is, or is not, in the list of a user', async () => {
    const [acme] = github().world.installationsOf(github().app) as [Installation];
    const about = async (...args: string[]) =>
      (await cli(['github', 'explain', '--user', ...args], env())).stdout.trim();
    expect(await about('nobody')).toMatch(/has no user nobody.*404/);
    await execute(database(), `INSERT INTO neptun_user (id) VALUES ('explained')`);
    expect(await about('explained')).toMatch(/is empty: .* has no row/);
    expect(await about('explained', '--installation', String(acme.id))).toMatch(
      /of acme-renamed is not in the list: github_app_installation has no row/,
    );
    await execute(
      database(),
      `INSERT INTO github_app_installation (neptun_user_id, github_installation_id)
       VALUES ('explained', ${acme.id}), ('explained', 17)`,
    );
    expect(await about('explained')).toMatch(
      /^Installation 17 is in the list\. GitHub has said nothing of it.*\nInstallation \d+ of acme-renamed is in the list\.$/,
    );
    const set = (column: string) =>
      execute(database(), `UPDATE github_fact_installation SET ${column} = now()`);
    await set('suspended_at');
    expect(await about('explained')).toMatch(/acme-renamed is in the list\. It is suspended since/);
    await set('missing_since');
    expect(await about('explained')).toMatch(
      /acme-renamed is not in the list: GitHub has not known/,
    );
    await set('deleted_at');
    expect(await about('explained')).toMatch(/acme-renamed is not in the list: it was uninstalled/);
  });
});

test.each([['sync'], ['github', 'status'], ['github', 'explain', '--user', 'x']])(
  'Where another process has the embedded database, %s %s says so',
  async (...command) => {
    const database = await createDatabase('PGlite');
    const app = { GITHUB_APP_ID: '1', GITHUB_WEBHOOK_SECRET: 'a secret of many characters' };
    const server = await serve({ ...database.env, SESSION_PASSWORD: PASSWORD });
    const { code, stdout, stderr } = await cli(command, { ...database.env, ...app });
    expect(code).toBe(1);
    if (command[0] === 'sync') expect(stderr).toContain('GITHUB_APP_PRIVATE_KEY is not set');
    else expect(stdout + stderr).toMatch(/is in use by process \d+/);
    await server.stop('SIGINT');
    await database.remove();
  },
);

describe('A sync that is ended', () => {
  const github = useGithub();
  const database = useDatabase(process.env.TEST_DATABASE_URL ? 'PostgreSQL' : 'PGlite');
  const env = () => ({ ...github().env, ...database().env });

  /** Ends a sync amid its work. @returns the ids that GitHub was asked for before */
  async function endAmid(signal: NodeJS.Signals) {
    github().calls.length = 0;
    const asked = () =>
      github()
        .calls.map((call) => /^GET \/app\/installations\/(\d+)$/.exec(call)?.[1])
        .filter((id) => id !== undefined);
    github().fault(({ path }) =>
      /installations\/\d+$/.test(path) && asked().length > 20 ? { delay: 60_000 } : undefined,
    );
    const started = startCli(['sync'], env());
    await until(() => asked().length > 24);
    const code = await started.stop(signal);
    github().fault(null);
    github().calls.length = 0;
    return { code, asked };
  }

  test.each(['SIGKILL', 'SIGINT'] as const)(
    'by %s goes on where it was',
    async (signal) => {
      while (github().world.installations.size < 40)
        install(github(), `account-${github().world.installations.size}`, 0);
      const { code, asked } = await endAmid(signal);
      expect(code).toBe(signal === 'SIGKILL' ? null : 1);
      const again = await cli(['sync'], env());
      expect(again.code).toBe(0);
      expect(again.stdout).toMatch(/^Goes on .*\n/);
      expect(asked().length).toBeGreaterThan(15);
      expect(asked().length).toBeLessThan(40);
      expect(await factsOf(database())).toHaveLength(40);
      // The next one begins anew.
      github().calls.length = 0;
      expect((await cli(['sync'], env())).stdout).toMatch(/^Synced: checked 40, changed 0/);
    },
    40_000,
  );
});

describe('A server with an App', () => {
  const github = useGithub();

  test('syncs once by itself, and measures what it keeps', async () => {
    const database = await createDatabase('PGlite');
    install(github(), 'first-sync');
    const log = { LOG_LEVEL: 'info', METRICS_PORT: '0' };
    const server = await serve({
      ...github().env,
      ...database.env,
      ...log,
      SESSION_PASSWORD: PASSWORD,
    });
    await server.printed(/"msg":"synced with GitHub"/);
    expect(server.stdout()).toMatch(
      /Webhooks keep the installations true, and npm run cli -- sync/,
    );
    expect(server.stdout()).toContain('Settings at GitHub: the App has no webhook URL');
    expect(await server.stop('SIGINT')).toBe(0);
    expect(await factsOf(database)).toMatchObject([{ account_login: 'first-sync' }]);
    const second = await serve({
      ...github().env,
      ...database.env,
      ...log,
      SESSION_PASSWORD: PASSWORD,
    });
    github().calls.length = 0;
    await until(() => github().calls.includes('GET /app/hook/config'));
    expect(github().calls).not.toContain('GET /app/installations');
    await second.stop('SIGINT');
    await database.remove();
  });

  test('syncs by its timer, and ends amid a sync in time', async () => {
    const database = await createDatabase('PGlite');
    const timer = { GITHUB_SYNC_INTERVAL: '1' };
    const server = await serve({
      ...github().env,
      ...database.env,
      ...timer,
      SESSION_PASSWORD: PASSWORD,
    });
    github().calls.length = 0;
    const syncs = () => github().calls.filter((call) => call === 'GET /app/installations').length;
    await until(() => syncs() > 1);
    github().fault(() => ({ delay: 60_000 }));
    const before = syncs();
    await until(() => syncs() > before || github().calls.at(-1) === 'GET /app');
    const started = performance.now();
    expect(await server.stop('SIGINT')).toBe(0);
    expect(performance.now() - started).toBeLessThan(8_000);
    await database.remove();
  });

  test.each([
    [
      'without webhooks',
      { GITHUB_WEBHOOK_SECRET: '' },
      /Changes at GitHub are seen only by npm run cli/,
    ],
    [
      'without a key',
      { GITHUB_APP_PRIVATE_KEY: '', GITHUB_API_URL: '' },
      /Webhooks alone are believed/,
    ],
  ])('%s says what it cannot keep true', async (_case, env, warning) => {
    const database = await createDatabase('PGlite');
    const server = await serve({
      ...github().env,
      ...database.env,
      ...env,
      SESSION_PASSWORD: PASSWORD,
    });
    await server.printed(warning);
    await server.stop('SIGINT');
    await database.remove();
  });
});

describeOnPostgres('On tables of another program', () => {
  const github = useGithub();
  let database: TestDatabase;
  let server: Served;
  beforeAll(async () => {
    database = await createDatabase('PostgreSQL');
    await execute(database, tablesOf());
    install(github(), 'adopted');
    server = await serve({ ...github().env, ...database.env, SESSION_PASSWORD: PASSWORD });
  });
  afterAll(async () => {
    await server?.stop('SIGINT');
    await database?.remove();
  });

  test('a server keeps nothing and says so once, until they are adopted; then it begins', async () => {
    const warning = /What GitHub says is not kept: [^"]*migrate --adopt/g;
    await server.printed(new RegExp(warning.source));
    const refused = await cli(['sync'], { ...github().env, ...database.env });
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('run npm run cli -- migrate --adopt'),
    ]);
    const explained = await cli(['github', 'explain', '--user', '1'], database.env);
    expect(explained.stdout).toMatch(/has no user 1/);
    expect((await cli(['migrate', '--adopt'], database.env)).code).toBe(0);
    await server.printed(/"msg":"synced with GitHub"/);
    expect(await factsOf(database)).toMatchObject([{ account_login: 'adopted' }]);
    expect(server.stdout().match(warning)).toHaveLength(1);
  }, 30_000);
});
