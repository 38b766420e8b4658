import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { DataSource } from 'typeorm';
import type { Installation } from '../../src/explore/demo-github/model.js';
import { createGithubClient, type GithubClients } from '../../src/github/client.js';
import { lockInstallation, markDirty, updateInstallation } from '../../src/github/fact-store.js';
import { privateKeyOf } from '../../src/github/private-key.js';
import { Refetcher, type RefetcherOptions } from '../../src/github/refetcher.js';
import { InstallationFact } from '../../src/installations/installation-fact.entity.js';
import { RepositoryFact } from '../../src/repositories/repository-fact.entity.js';
import { until } from '../cli/process.js';
import { createDatabase, describeOnEachDatabase, type TestDatabase } from '../helpers/databases.js';
import { KEYS, rateLimited, useGithub } from '../helpers/github.js';
import { GRANTS } from '../helpers/grants.js';
import { startTestServer, type TestServer } from '../helpers/server.js';

describeOnEachDatabase('what is marked', (kind) => {
  const github = useGithub();
  let database: TestDatabase;
  let server: TestServer;
  let dataSource: DataSource;
  const open: Refetcher[] = [];

  beforeAll(async () => {
    database = await createDatabase(kind);
    server = await startTestServer(database);
    await server.ready;
    dataSource = server.database.dataSource;
  });
  afterEach(async () => {
    github().fault(null);
    await Promise.all(open.splice(0).map((refetcher) => refetcher.close()));
    await dataSource.query('UPDATE github_fact_installation SET dirty_since = NULL');
  });
  afterAll(async () => {
    await server?.close();
    await database?.remove();
  });

  function clients(longestWait = 0): GithubClients {
    return createGithubClient({
      appId: String(github().app.id),
      privateKey: privateKeyOf(KEYS.pem) as string,
      apiUrl: github().url,
      log: { warn: jest.fn() },
      longestWait,
      second: 10,
    });
  }

  function start(options: Partial<RefetcherOptions> = {}): Refetcher {
    const refetcher = new Refetcher({
      dataSource,
      clients: clients(),
      grants: GRANTS,
      appId: String(github().app.id),
      log: { warn: jest.fn() },
      second: 10,
      claim: 3000,
      ...options,
    });
    open.push(refetcher);
    refetcher.start();
    return refetcher;
  }

  let accounts = 0;
  function install(repositories = 1): Installation {
    const { world, actions, app } = github();
    accounts += 1;
    const account = world.addAccount(`organization-${accounts}`);
    for (let index = 0; index < repositories; index++)
      actions.createRepository(account, { name: `repository-${index}` });
    return actions.install(app, account);
  }

  const mark = ({ id }: { id: number }, changes = {}) =>
    dataSource.transaction(async (manager) => {
      await lockInstallation(manager, String(id));
      await markDirty(manager, String(id), changes);
    });
  const factOf = ({ id }: { id: number }) =>
    dataSource.manager.findOneByOrFail(InstallationFact, { id: String(id) });
  const namesOf = async ({ id }: { id: number }) => {
    const rows = await dataSource.manager.findBy(RepositoryFact, { installationId: String(id) });
    return rows.map(({ name }) => name).sort();
  };
  const clean = (installation: { id: number }) => async () =>
    (await factOf(installation)).dirtySince === null;
  const asked = ({ id }: { id: number }) =>
    github().calls.filter((call) => call === `GET /app/installations/${id}`).length;

  test('is fetched and written at the start, and after each wake', async () => {
    const installation = install(2);
    await mark(installation);
    const refetcher = start();
    await until(clean(installation));
    expect(await factOf(installation)).toMatchObject({
      accountLogin: installation.account.login,
      fetchedAt: expect.any(Date),
      refetchAfter: null,
    });
    expect(await namesOf(installation)).toEqual(['repository-0', 'repository-1']);
    github().actions.renameAccount(installation.account, `renamed-${installation.id}`);
    await mark(installation);
    refetcher.wake();
    await until(clean(installation));
    expect((await factOf(installation)).accountLogin).toBe(`renamed-${installation.id}`);
  });

  test('by another instance is found without a wake', async () => {
    start();
    const installation = install();
    await mark(installation);
    await until(clean(installation));
  });

  test('is asked for once, by one of two instances', async () => {
    const installations = Array.from({ length: 12 }, () => install());
    for (const installation of installations) await mark(installation);
    start();
    start();
    for (const installation of installations) await until(clean(installation));
    expect(installations.map(asked)).toEqual(installations.map(() => 1));
  });

  test('again while GitHub is asked, is asked again by the same instance at once', async () => {
    const installation = install();
    await mark(installation);
    github().calls.length = 0;
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    github().fault(async ({ path }) => {
      if (path === '/installation/repositories') await held;
      return undefined;
    });
    const second = clients();
    const byTheSecond: string[] = [];
    second.app.hook.before('request', ({ url }) => {
      byTheSecond.push(url);
    });
    start();
    await until(() => github().calls.at(-1) === 'GET /installation/repositories');
    start({ clients: second });
    await mark(installation);
    github().actions.renameAccount(installation.account, `renamed-${installation.id}`);
    answer();
    await until(clean(installation));
    expect(asked(installation)).toBe(2);
    expect(byTheSecond).toEqual([]);
    expect((await factOf(installation)).accountLogin).toBe(`renamed-${installation.id}`);
  });

  test('and claimed by an instance that died is taken after the claim', async () => {
    const installation = install();
    await mark(installation);
    await dataSource.query(
      "UPDATE github_fact_installation SET refetch_after = now() + interval '1 second' WHERE id = $1",
      [installation.id],
    );
    start();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(asked(installation)).toBe(0);
    await until(clean(installation));
  });

  test('stays claimed for as long as GitHub takes', async () => {
    const installation = install();
    await mark(installation);
    github().fault(({ path }) =>
      path.startsWith('/app/installations') ? { delay: 1_000 } : undefined,
    );
    start({ claim: 120 });
    start({ claim: 120 });
    await until(clean(installation));
    expect(asked(installation)).toBe(1);
  });

  test('is tried again, later each time, until GitHub answers', async () => {
    const installation = install();
    await mark(installation);
    github().fault(({ path, number }) =>
      path.startsWith('/app/installations') && number <= 2 ? { status: 403 } : undefined,
    );
    const log = { warn: jest.fn() };
    start({ log });
    await until(clean(installation));
    expect(await factOf(installation)).toMatchObject({ refetchFailures: 0 });
    expect(log.warn).toHaveBeenCalledTimes(2);
  });

  test('has an end of its pauses in the database, which a rate limit sets', async () => {
    const [one, other] = [install(), install()];
    await mark(one);
    github().fault(({ path }) =>
      path === '/installation/repositories' ? rateLimited(600) : undefined,
    );
    const refetcher = start({ second: 1000 });
    await until(async () => (await factOf(one)).refetchFailures === 1);
    const { refetchAfter } = await factOf(one);
    const seconds = ((refetchAfter?.getTime() ?? 0) - Date.now()) / 1000;
    expect(seconds).toBeGreaterThan(500);
    // Another installation has a limit of its own.
    github().fault(null);
    await mark(other);
    refetcher.wake();
    await until(clean(other));
    expect(asked(one)).toBe(1);
  });

  test('waits where a rate limit is the App’s own', async () => {
    const [one, other] = [install(), install()];
    await mark(one);
    github().fault(() => rateLimited(600, 'secondary'));
    const refetcher = start({ second: 1000 });
    await until(async () => (await factOf(one)).refetchFailures === 1);
    github().fault(null);
    await mark(other);
    refetcher.wake();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(asked(other)).toBe(0);
  });

  test('is missing when GitHub has not known it three times, and back when it does', async () => {
    const installation = install();
    await mark(installation);
    const refetcher = start();
    await until(clean(installation));
    github().calls.length = 0;
    github().fault(({ path }) =>
      path.startsWith('/app/installations') ? { status: 404 } : undefined,
    );
    await mark(installation);
    refetcher.wake();
    await until(clean(installation));
    const missing = await factOf(installation);
    expect(missing).toMatchObject({ missingSince: expect.any(Date), deletedAt: null });
    expect(asked(installation)).toBe(3);
    expect(await namesOf(installation)).toEqual(['repository-0']);
    github().fault(null);
    await mark(installation);
    refetcher.wake();
    await until(clean(installation));
    expect((await factOf(installation)).missingSince).toBeNull();
  });

  test('keeps the repositories of a suspended installation until it is back', async () => {
    const { actions, world } = github();
    const installation = install(2);
    await mark(installation);
    const refetcher = start();
    await until(clean(installation));
    actions.suspend(installation);
    actions.deleteRepository(world.repositoriesOf(installation.account)[0] as never);
    await mark(installation);
    refetcher.wake();
    await until(clean(installation));
    expect((await factOf(installation)).suspendedAt).toEqual(expect.any(Date));
    expect(await namesOf(installation)).toHaveLength(2);
    actions.unsuspend(installation);
    await mark(installation);
    refetcher.wake();
    await until(clean(installation));
    expect((await factOf(installation)).suspendedAt).toBeNull();
    expect(await namesOf(installation)).toEqual(['repository-1']);
  });

  test('is not missing by one 404 after other failures', async () => {
    const installation = install();
    await mark(installation);
    const statuses = [403, 403, 404, 403];
    github().fault(({ path, number }) =>
      path.startsWith('/app/installations') ? { status: statuses[number - 1] ?? 404 } : undefined,
    );
    github().calls.length = 0;
    start({ second: 50 });
    await until(() => asked(installation) === statuses.length);
    expect((await factOf(installation)).missingSince).toBeNull();
    await until(clean(installation));
    expect(asked(installation)).toBe(statuses.length + 3);
    expect((await factOf(installation)).missingSince).not.toBeNull();
  });

  test('is not asked for at once where GitHub refuses the key, and is when it does not', async () => {
    const installations = Array.from({ length: 6 }, () => install());
    for (const installation of installations) await mark(installation);
    github().calls.length = 0;
    github().fault(() => ({ status: 401, message: 'A JSON web token could not be decoded' }));
    const log = { warn: jest.fn() };
    const refetcher = start({ log });
    await until(() => log.warn.mock.calls.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    refetcher.wake();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(github().calls.length).toBeLessThanOrEqual(4);
    await until(() => github().calls.length > 4);
    expect(log.warn).toHaveBeenCalledTimes(1);
    expect(log.warn.mock.calls[0]?.[0]).toMatchObject({
      err: { message: expect.stringContaining('GITHUB_APP_PRIVATE_KEY') },
    });
    github().fault(null);
    for (const installation of installations) await until(clean(installation));
    expect((await factOf(installations[0] as Installation)).refetchFailures).toBe(0);
  });

  test('all the time is shown all the same, what is removed or made private aside', async () => {
    const installation = install(3);
    const { world } = github();
    const [first, second] = world.repositoriesOf(installation.account);
    const { manager } = dataSource;
    const id = String(first?.id);
    await mark(installation);
    github().fault(async ({ path }) => {
      if (path !== '/installation/repositories') return undefined;
      await mark(installation);
      // As a delivery that is newer than the answer.
      await manager.update(RepositoryFact, id, { isPrivate: true, updatedAt: new Date() });
      await manager.delete(RepositoryFact, { id: String(second?.id) });
      return undefined;
    });
    start();
    const shown = async () =>
      manager.findBy(RepositoryFact, { installationId: String(installation.id), isPrivate: false });
    await until(async () => (await shown()).length > 0);
    expect(await shown()).toMatchObject([{ name: 'repository-2' }]);
    expect((await factOf(installation)).dirtySince).not.toBeNull();
    github().fault(null);
    await until(clean(installation));
    expect(await namesOf(installation)).toHaveLength(3);
  });

  if (kind === 'PostgreSQL')
    test('is written one after the other, so that deliveries find a connection', async () => {
      const installations = Array.from({ length: 4 }, () => install());
      for (const installation of installations) await mark(installation);
      let answer = () => {};
      const held = new Promise<void>((resolve) => {
        answer = resolve;
      });
      github().fault(async ({ path }) => {
        if (path === '/installation/repositories') await held;
        return undefined;
      });
      start();
      await until(() => installations.every((installation) => asked(installation) === 1));
      await dataSource.transaction(async (manager) => {
        for (const { id } of installations) await lockInstallation(manager, String(id));
        answer();
        const waiting = async () =>
          (
            await dataSource.query(
              "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
            )
          ).length;
        await until(async () => (await waiting()) > 0);
        await new Promise((resolve) => setTimeout(resolve, 300));
        expect(await waiting()).toBe(1);
      });
      for (const installation of installations) await until(clean(installation));
    });

  test('removes nothing by a list that is not complete, and is asked for again', async () => {
    const installation = install(3);
    await mark(installation);
    const refetcher = start();
    await until(clean(installation));
    const change = (body: any) => ({ ...body, repositories: body.repositories.slice(2) });
    github().fault(({ path }) => (path === '/installation/repositories' ? { change } : undefined));
    await mark(installation);
    refetcher.wake();
    await until(async () => (await factOf(installation)).refetchFailures > 0);
    expect(await namesOf(installation)).toHaveLength(3);
    github().fault(null);
    await until(clean(installation));
  });

  test('is not asked for where it is deleted, or another App’s', async () => {
    const [deleted, other, known] = [install(), install(), install()];
    await mark(deleted, { deletedAt: new Date() });
    await mark(other, { appId: '999' });
    await mark(known);
    start();
    await until(clean(known));
    expect([deleted, other].map(asked)).toEqual([0, 0]);
  });

  test('is not written once deleted meanwhile', async () => {
    const installation = install();
    await mark(installation);
    github().calls.length = 0;
    github().fault(() => ({ delay: 200 }));
    start();
    await until(() => asked(installation) === 1);
    await dataSource.transaction(async (manager) => {
      const row = await lockInstallation(manager, String(installation.id));
      await updateInstallation(manager, row, { deletedAt: new Date(), dirtySince: null });
    });
    await until(() => github().calls.at(-1) === 'GET /installation/repositories');
    await open[0]?.close();
    expect(await factOf(installation)).toMatchObject({ accountLogin: null, fetchedAt: null });
    expect(await namesOf(installation)).toEqual([]);
  });

  test('is finished by what closes, or left to another instance', async () => {
    const [quick, slow] = [install(), install()];
    await mark(quick);
    await mark(slow);
    github().fault(({ path }) => ({ delay: path.includes(String(slow.id)) ? 20_000 : 100 }));
    start();
    await until(() => asked(quick) + asked(slow) === 2);
    const began = Date.now();
    await open.pop()?.close();
    expect(Date.now() - began).toBeLessThan(8_000);
    expect((await factOf(quick)).dirtySince).toBeNull();
    const left = await factOf(slow);
    expect(left.dirtySince).not.toBeNull();
    expect(left.refetchAfter?.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
    github().fault(null);
    start();
    await until(clean(slow));
  });
});
