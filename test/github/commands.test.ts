import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Installation } from '../../src/explore/demo-github/model.js';
import { cli, startCli, until } from '../cli/process.js';
import {
  createDatabase,
  type DatabaseKind,
  KINDS,
  type TestDatabase,
} from '../helpers/databases.js';
import { startGithub, type TestGithub, useGithub } from '../helpers/github.js';
import { execute } from '../helpers/other-tables.js';
import { startTestServer } from '../helpers/server.js';

const KIND = KINDS.at(-1) as DatabaseKind;

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

describe('The commands about GitHub', () => {
  const github = useGithub();
  let database: TestDatabase;
  let acme: Installation;
  beforeAll(async () => {
    database = await createDatabase(KIND);
    acme = install(github(), 'acme', 2);
    expect(await cli(['sync'], env())).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^(\d of .*\n)?Synced: checked 1, changed 1, missing 0, repaired 0, failed 0\n$/,
      ),
      stderr: '',
    });
  }, 30_000);
  afterAll(() => database?.remove());
  const env = () => ({ ...github().env, ...database.env });

  test('a dry run prints what a sync would change; a sync of one installation writes it', async () => {
    github().actions.renameAccount(acme.account, 'acme-renamed');
    const dry = await cli(['sync', '--dry-run'], env());
    expect(dry.code).toBe(0);
    expect(dry.stdout).toMatch(
      /Installation \d+ of acme-renamed differs.*\n(.*\n)?Nothing was written\. .*changed 1,/,
    );
    expect(await factsOf(database)).toMatchObject([{ account_login: 'acme' }]);
    const one = await cli(['sync', '--installation', String(acme.id)], env());
    expect([one.code, one.stdout]).toEqual([0, expect.stringContaining('repaired 1')]);
    expect(await factsOf(database)).toMatchObject([{ account_login: 'acme-renamed' }]);
  }, 20_000);

  test('a sync with a key that GitHub refuses exits with 1, and changes nothing', async () => {
    const before = await factsOf(database);
    github().fault(() => ({ status: 401, message: 'no' }));
    const { code, stderr } = await cli(['sync'], env());
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^.*GITHUB_APP_PRIVATE_KEY.*\n$/)]);
    expect(await factsOf(database)).toEqual(before);
  });

  test('status shows App, settings, deliveries, marks and the last sync', async () => {
    const { code, stdout } = await cli(['github', 'status'], env());
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining(`✓ ${github().app.name} (${github().app.slug}): GitHub accepts`),
    ]);
    expect(stdout).toMatch(/permissions: members: read, metadata: read\n/);
    expect(stdout).toMatch(/! the App has no webhook URL: set it to /);
    expect(stdout).toMatch(/installations: 1 active, 0 suspended, 0 missing/);
    expect(stdout).toMatch(/marked, to be asked about: none\n/);
    expect(stdout).toMatch(/last complete sync: \d{4}-.* \(checked 1, /);
  });

  test('status counts what deliveries were refused with, and says what to do', async () => {
    const { app, actions, held } = github();
    app.webhook = { url: 'http://127.0.0.1:9', secret: 'x' };
    github().hold();
    for (const status of [401, 401, 503, 0]) {
      actions.acceptPermissions(acme);
      for (const { delivery } of held.splice(0)) delivery.statusCode = status;
    }
    const { stdout } = await cli(['github', 'status'], env());
    app.webhook = null;
    expect(stdout).toMatch(/of the last 4, 4 never succeeded/);
    expect(stdout).toMatch(/! 2 answered with 401: GITHUB_WEBHOOK_SECRET must be/);
    expect(stdout).toMatch(/! 1 answered with 503: .* its log says why/);
    expect(stdout).toMatch(/! 1 not answered at all: .* within 10 s/);
  });

  test('status without a private key says that nobody asks about what is marked', async () => {
    const id = String(acme.id);
    const set = (value: string) =>
      execute(
        database,
        `UPDATE github_fact_installation SET dirty_since = ${value} WHERE id = ${id}`,
      );
    await set('now()');
    const keyless = { ...env(), GITHUB_APP_PRIVATE_KEY: '', GITHUB_API_URL: '' };
    const { stdout } = await cli(['github', 'status'], keyless);
    await set('NULL');
    expect(stdout).toMatch(/marked: 1, .*nobody asks GitHub/);
  });

  test('explain says so where there are no tables', async () => {
    const empty = await createDatabase(KIND);
    const { code, stdout } = await cli(['github', 'explain', '--user', 'x'], empty.env);
    await empty.remove();
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^The database has no .*migrate\.\n$/),
    ]);
  });

  test.each([[['github', 'status']], [['doctor']]])(
    '%s says what to change in the settings of the App',
    async (command) => {
      github().fault(({ path }) =>
        path === '/app'
          ? { change: (app) => ({ ...app, permissions: {}, events: ['repository'] }) }
          : undefined,
      );
      github().world.now = () => new Date(Date.now() + 50_000);
      const { stdout } = await cli(command, env());
      github().world.now = () => new Date();
      expect(stdout).toMatch(/! the App lacks the permission metadata: read, .* https:\/\/github/);
      expect(stdout).toMatch(
        /does not subscribe to installation_target, meta, organization \(needs members: read\), public,/,
      );
      expect(stdout).toMatch(/! (4\d|50) s between this clock and GitHub’s/);
    },
  );

  test('doctor finds a key that is not the App’s', async () => {
    github().fault(() => ({ status: 404, message: 'Integration not found' }));
    const { code, stdout } = await cli(['doctor'], env());
    expect(code).toBe(1);
    expect(stdout).toMatch(/GitHub App\n {2}✗ GitHub knows no App by GITHUB_APP_ID/);
  });

  test('explain says why an installation is in the list of a user', async () => {
    await execute(
      database,
      `INSERT INTO neptun_user (id) VALUES ('explained');
       INSERT INTO github_app_installation (neptun_user_id, github_installation_id)
         VALUES ('explained', ${acme.id}), ('explained', 17)`,
    );
    // It needs no App.
    const { stdout } = await cli(['github', 'explain', '--user', 'explained'], database.env);
    expect(stdout).toMatch(
      /^Installation 17 is in the list\. GitHub has said nothing of it.*\nInstallation \d+ of acme\S* is in the list\. Another program .*\nWhich GitHub account explained has is not known yet.*\n$/,
    );
  });
});

test('Where a server has the embedded database, the commands say so', async () => {
  const database = await createDatabase('PGlite');
  const server = await startTestServer(database);
  await server.ready;
  const github = await startGithub();
  const commands = [['sync'], ['github', 'explain', '--user', 'x']];
  const ended = await Promise.all(
    commands.map((command) => cli(command, { ...github.env, ...database.env })),
  );
  for (const { code, stdout, stderr } of ended)
    expect([code, stdout + stderr]).toEqual([1, expect.stringMatching(/is in use by process \d+/)]);
  await github.close();
  await server.close();
  await database.remove();
}, 30_000);

describe('A sync that is ended', () => {
  const COUNT = 24;
  const github = useGithub();
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase(KIND);
  });
  afterAll(() => database?.remove());
  const env = () => ({ ...github().env, ...database.env });

  const asked = () =>
    github().calls.filter((call) => /^GET \/app\/installations\/\d+$/.test(call)).length;

  /** Ends a sync when it has checked a third of the installations. */
  async function endAmid(signal: NodeJS.Signals) {
    github().calls.length = 0;
    github().fault(({ path }) =>
      /installations\/\d+$/.test(path) && asked() > COUNT / 3 ? { delay: 600_000 } : undefined,
    );
    const started = startCli(['sync'], env());
    // Four at once.
    await until(() => asked() === COUNT / 3 + 4);
    const code = await started.stop(signal);
    github().fault(null);
    github().calls.length = 0;
    // It is believed to be under way for seconds after its death.
    await execute(
      database,
      "UPDATE github_app_state SET leased_until = least(leased_until, now() + interval '1 second')",
    );
    return { code, stdout: started.stdout() };
  }

  test('is taken up by the next, which goes on where it was', async () => {
    while (github().world.installations.size < COUNT)
      install(github(), `account-${github().world.installations.size}`, 0);
    const goesOn = expect.stringMatching(/^Goes on /);
    expect(await endAmid('SIGKILL')).toEqual({ code: null, stdout: expect.anything() });
    expect(await endAmid('SIGINT')).toEqual({ code: 1, stdout: goesOn });
    expect(await cli(['sync'], env())).toMatchObject({ code: 0, stdout: goesOn });
    expect(asked()).toBeGreaterThan(0);
    expect(asked()).toBeLessThanOrEqual(COUNT / 3);
    expect(await factsOf(database)).toHaveLength(COUNT);
  }, 60_000);
});
