import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { type DataSource, IsNull, Not } from 'typeorm';
import type { Installation } from '../../src/explore/demo-github/model.js';
import { AppState } from '../../src/github/app-state.entity.js';
import { createGithubClient, type GithubClients } from '../../src/github/client.js';
import { lockInstallation, markDirty } from '../../src/github/fact-store.js';
import { privateKeyOf } from '../../src/github/private-key.js';
import { type SyncOptions, sync } from '../../src/github/sync.js';
import { InstallationFact } from '../../src/installations/installation-fact.entity.js';
import { until } from '../cli/process.js';
import {
  createDatabase,
  describeOnEachDatabase,
  KINDS,
  type TestDatabase,
} from '../helpers/databases.js';
import { KEYS, randomOf, startGithub, type TestGithub } from '../helpers/github.js';
import { keptState, trueState } from '../helpers/github-state.js';
import { GRANTS } from '../helpers/grants.js';
import { startTestServer, type TestServer } from '../helpers/server.js';

/** Items of GitHub's pages: few, so that there are several soon. */
const PAGE = 5;

describeOnEachDatabase('A sync', (kind) => {
  let github: TestGithub;
  let database: TestDatabase;
  let server: TestServer;
  let dataSource: DataSource;
  let own: GithubClients;

  beforeAll(async () => {
    database = await createDatabase(kind);
    server = await startTestServer(database);
    await server.ready;
    dataSource = server.database.dataSource;
  });
  // Each test has a GitHub and tables of its own, as a sync compares all.
  let isFresh = false;
  const fresh = async () => {
    github = await startGithub();
    github.world.longestPage = PAGE;
    own = clients();
    isFresh = true;
    await dataSource.query(
      'TRUNCATE github_fact_repository, github_fact_installation, github_app_state, github_delivery CASCADE',
    );
  };
  afterEach(async () => {
    if (isFresh) await github.close();
    isFresh = false;
  });
  afterAll(async () => {
    await server?.close();
    await database?.remove();
  });

  const run = (options: Partial<SyncOptions> = {}) =>
    sync({
      dataSource,
      clients: own,
      grants: GRANTS,
      appId: String(github.app.id),
      redelivers: false,
      signal: new AbortController().signal,
      ...options,
    });

  const clients = (appId = github.app.id) =>
    createGithubClient({
      appId: String(appId),
      privateKey: privateKeyOf(KEYS.pem) as string,
      apiUrl: github.url,
      log: { warn: jest.fn() },
      second: 5,
    });

  let accounts = 0;
  function install(repositories = 1): Installation {
    const { world, actions, app } = github;
    accounts += 1;
    const account = world.addAccount(`organization-${accounts}`);
    for (let index = 0; index < repositories; index++)
      actions.createRepository(account, { name: `repository-${index}` });
    return actions.install(app, account);
  }

  const mark = ({ id }: { id: number }) =>
    dataSource.transaction(async (manager) => {
      await lockInstallation(manager, String(id));
      await markDirty(manager, String(id));
    });

  const kept = () => keptState(dataSource);
  const truth = () => trueState(github);

  const state = () => dataSource.manager.findOneBy(AppState, { appId: String(github.app.id) });
  const missing = async () =>
    (await dataSource.manager.find(InstallationFact))
      .filter(({ missingSince }) => missingSince)
      .map(({ id }) => Number(id));

  test('fills empty tables, and writes nothing where nothing has changed', async () => {
    await fresh();
    for (const count of [0, 1, 3, 2 * PAGE + 1]) install(count);
    expect(await run()).toMatchObject({ checked: 4, changed: 4, repaired: 0, failed: 0 });
    expect(await kept()).toEqual(truth());
    const before = await dataSource.manager.find(InstallationFact);
    expect(await run()).toMatchObject({ checked: 4, changed: 0 });
    expect(await dataSource.manager.find(InstallationFact)).toEqual(before);
    expect(await state()).toMatchObject({
      slug: github.app.slug,
      syncedAt: expect.any(Date),
      syncStartedAt: null,
      leaseHolder: null,
      syncSummary: { checked: 4, changed: 0 },
    });
  });

  test('repairs what no delivery told, and clears marks', async () => {
    await fresh();
    const [renamed, suspended, grown, marked, named] = [1, 2, 3, 1, 1].map((count) =>
      install(count),
    );
    install();
    await run();
    const { actions, world } = github;
    actions.renameAccount((renamed as Installation).account, 'renamed');
    actions.suspend(suspended as Installation);
    actions.deleteRepository(world.repositoriesOf((grown as Installation).account)[0] as never);
    actions.createRepository((grown as Installation).account, {
      name: 'new',
      visibility: 'private',
    });
    // The same ones, by name instead of all.
    actions.select(named as Installation, world.repositoriesOf((named as Installation).account));
    await mark(marked as Installation);
    expect(await run()).toMatchObject({ checked: 6, changed: 5, repaired: 4, missing: 0 });
    expect(await kept()).toEqual(truth());
    const facts = await dataSource.manager.find(InstallationFact);
    expect(facts.filter(({ dirtySince }) => dirtySince)).toEqual([]);
  });

  test('keeps the repositories of a suspended installation', async () => {
    await fresh();
    const installation = install(3);
    await run();
    github.actions.suspend(installation);
    await run();
    expect(await kept()).toEqual(truth());
  });

  test('hides what GitHub does not know, as where nobody told of its end, and shows it again', async () => {
    await fresh();
    const [installation] = [install(), install()] as [Installation, Installation];
    await run();
    // The App has no webhook.
    github.actions.uninstall(installation);
    expect(await run()).toMatchObject({ missing: 1 });
    expect(await missing()).toEqual([installation.id]);
    expect(await kept()).toEqual(truth());
    expect(await dataSource.manager.existsBy(InstallationFact, { deletedAt: Not(IsNull()) })).toBe(
      false,
    );
    expect(await run()).toMatchObject({ missing: 0, changed: 0 });
    github.world.installations.set(installation.id, installation);
    expect(await run()).toMatchObject({ changed: 1 });
    expect(await missing()).toEqual([]);
  });

  // The statements are the same on both.
  if (kind !== KINDS.at(-1)) return;

  test('of one installation alone leaves the others', async () => {
    await fresh();
    const [one, other] = [install(), install()] as [Installation, Installation];
    await run();
    for (const { account } of [one, other])
      github.actions.renameAccount(account, `${account.login}-renamed`);
    expect(await run({ installation: String(one.id) })).toMatchObject({ checked: 1, changed: 1 });
    expect((await kept()).map(({ account }) => account)).toEqual([
      one.account.login,
      other.account.login.replace('-renamed', ''),
    ]);
    await expect(run({ installation: '17' })).rejects.toThrow('no such installation');
  });

  test.each([
    [401, () => ({ status: 401, message: 'A JSON web token could not be decoded' })],
    [404, () => ({ status: 404, message: 'Integration not found' })],
  ])('with a key that GitHub answers with %i changes nothing', async (_status, fault) => {
    await fresh();
    for (let index = 0; index < 3; index++) install();
    await run();
    const before = await dataSource.manager.find(InstallationFact);
    github.fault(fault);
    await expect(run()).rejects.toThrow(/GITHUB_APP_ID/);
    expect(await dataSource.manager.find(InstallationFact)).toEqual(before);
  });

  test('with the key of another App changes nothing, unless that is said', async () => {
    await fresh();
    const own = install();
    await run();
    const other = github.world.addApp({ publicKey: KEYS.publicKey });
    const options = { clients: clients(other.id), appId: String(other.id) };
    await expect(run(options)).rejects.toThrow('--other-app');
    await expect(run({ ...options, force: true })).rejects.toThrow('--other-app');
    expect(await missing()).toEqual([]);
    expect(await run({ ...options, otherApp: true })).toMatchObject({ checked: 0, missing: 0 });
    expect(await missing()).toEqual([]);
    expect(await run(options)).toMatchObject({ checked: 0 });
    await expect(run()).rejects.toThrow('--other-app');
    await expect(run({ ...options, installation: String(own.id) })).rejects.toThrow('another App');
  });

  test('counts what a push changes as changed, not as repaired', async () => {
    await fresh();
    const [pushed, renamed] = [install(), install()] as [Installation, Installation];
    await run();
    const { world } = github;
    const [one] = world.repositoriesOf(pushed.account);
    const [other] = world.repositoriesOf(renamed.account);
    const now = new Date(Date.now() + 60_000);
    Object.assign(one as object, { pushedAt: now, updatedAt: now, size: 7, language: 'Go' });
    Object.assign(other as object, { pushedAt: now, updatedAt: now, name: 'renamed' });
    expect(await run({ dryRun: true })).toMatchObject({ changed: 2, repaired: 1 });
    expect(await run()).toMatchObject({ changed: 2, repaired: 1 });
    expect(await run()).toMatchObject({ changed: 0, repaired: 0 });
  });

  test('removes nothing wrongly where GitHub fails for a third of the calls, and the next one completes', async () => {
    await fresh();
    for (let index = 0; index < 20; index++) install(2);
    await run();
    const random = randomOf(7);
    for (const installation of github.world.installationsOf(github.app).slice(0, 10))
      github.actions.renameAccount(installation.account, `${installation.account.login}-new`);
    github.fault(({ path, number }) =>
      number > 2 && path !== '/app/installations' && random() < 0.34
        ? ([{ status: 500 }, { status: 403 }, { reset: true }, { status: 404 }][
            Math.floor(4 * random())
          ] as object)
        : undefined,
    );
    const { checked, failed } = await run();
    expect(checked + failed).toBe(20);
    expect(await missing()).toEqual([]);
    expect(await kept()).toHaveLength(20);
    github.fault(null);
    expect(await run()).toMatchObject({ failed: 0 });
    expect(await kept()).toEqual(truth());
  });

  test('loses nothing where pages shift, are cut or repeat', async () => {
    await fresh();
    for (let index = 0; index < PAGE + 1; index++) install(0);
    await run();
    let shifted = false;
    github.fault(({ path, query }) => {
      if (path !== '/app/installations' || query.page !== '2' || shifted) return undefined;
      shifted = true;
      // The first page has one fewer now, so that the second misses one.
      const [first] = github.world.installationsOf(github.app);
      github.world.installations.delete((first as Installation).id);
      return undefined;
    });
    expect(await run()).toMatchObject({ failed: 0 });
    expect(await missing()).toHaveLength(1);
    expect(await kept()).toEqual(truth());
    github.fault(({ path }) =>
      path === '/app/installations' ? { change: (list) => list.slice(0, 1) } : undefined,
    );
    expect(await run()).toMatchObject({ missing: 0, failed: 0 });
    expect(await kept()).toEqual(truth());
  });

  test('removes no repository by a list that is cut or changes between its pages', async () => {
    await fresh();
    const installation = install(2 * PAGE);
    await run();
    github.fault(({ path }) =>
      path === '/installation/repositories'
        ? { change: (body) => ({ ...body, repositories: body.repositories.slice(1) }) }
        : undefined,
    );
    expect(await run()).toMatchObject({ failed: 1 });
    expect(await kept()).toEqual(truth());
    let moves = 0;
    github.fault(({ path, query }) => {
      if (path === '/installation/repositories' && query.page === '2' && moves++ < 1)
        github.actions.createRepository(installation.account, { name: `late-${moves}` });
      return undefined;
    });
    expect(await run()).toMatchObject({ failed: 0 });
    expect(await kept()).toEqual(truth());
  });

  test('leaves what changes meanwhile to the mark', async () => {
    await fresh();
    const installation = install();
    await run();
    github.actions.renameAccount(installation.account, 'renamed-meanwhile');
    github.fault(async ({ path }) => {
      if (path === '/installation/repositories') await mark(installation);
      return undefined;
    });
    expect(await run()).toMatchObject({ raced: 1, failed: 0 });
    const fact = await dataSource.manager.findOneByOrFail(InstallationFact, {
      id: String(installation.id),
    });
    expect(fact.dirtySince).not.toBeNull();
  });

  test('hides no more than a fifth, unless it is forced', async () => {
    await fresh();
    const all = Array.from({ length: 22 }, () => install(0));
    await run();
    for (const { id } of all.slice(0, 11)) github.world.installations.delete(id);
    const lines: string[] = [];
    const report = { progress() {}, line: (text: string) => void lines.push(text) };
    expect(await run({ report })).toMatchObject({ missing: 0, failed: 1 });
    expect(lines.join()).toMatch(/11 of 22 .* --force/);
    expect(await missing()).toEqual([]);
    expect(await run({ force: true })).toMatchObject({ missing: 11, failed: 0 });
    for (const { id } of all.slice(11, 21)) github.world.installations.delete(id);
    expect(await run()).toMatchObject({ missing: 10, failed: 0 });
    expect(await kept()).toEqual(truth());
  });

  test('that is dry says what it would change, and writes nothing', async () => {
    await fresh();
    const [renamed, gone] = [install(2), install()] as [Installation, Installation];
    await run();
    github.actions.renameAccount(renamed.account, 'renamed-dry');
    github.world.installations.delete(gone.id);
    install();
    const before = [await dataSource.manager.find(InstallationFact), await state()];
    const lines: string[] = [];
    const report = { progress() {}, line: (text: string) => void lines.push(text) };
    expect(await run({ dryRun: true, report })).toMatchObject({ changed: 2, missing: 1 });
    expect(lines).toHaveLength(3);
    expect([await dataSource.manager.find(InstallationFact), await state()]).toEqual(before);
  });

  test('beside another one says that it is under way', async () => {
    await fresh();
    for (let index = 0; index < 3; index++) install();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    github.fault(async ({ path }) => {
      if (path.startsWith('/app/installations/')) await held;
      return undefined;
    });
    const first = run();
    await until(() => github.calls.some((call) => call.startsWith('GET /app/installations/')));
    await expect(run()).rejects.toThrow('under way');
    release();
    expect(await first).toMatchObject({ checked: 3, failed: 0 });
  }, 20_000);

  test('asks for each event again that never succeeded, three attempts in all', async () => {
    await fresh();
    const { app, world, actions } = github;
    // Nobody listens there.
    app.webhook = { url: 'http://127.0.0.1:9', secret: 'x' };
    const installation = install(0);
    actions.suspend(installation);
    await world.deliveries.settled();
    const attempts = () => world.deliveries.log.length;
    expect(attempts()).toBe(2);
    expect(await run({ redelivers: true })).toMatchObject({ redelivered: 2, failed: 0 });
    await world.deliveries.settled();
    expect(await run({ redelivers: true })).toMatchObject({ redelivered: 2 });
    await world.deliveries.settled();
    expect(await run({ redelivers: true })).toMatchObject({ redelivered: 0 });
    expect(attempts()).toBe(6);
  });
});
