import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { repeatedTransaction } from '../../src/database/repeated-transaction.js';
import { lockInstallation, markDirty } from '../../src/github/fact-store.js';
import type { InstallationFacts, RepositoryFacts } from '../../src/github/from-github.js';
import { installationFactsOf, repositoryFactsOf } from '../../src/github/from-github.js';
import { writeTruth } from '../../src/github/write-truth.js';
import { InstallationFact } from '../../src/installations/installation-fact.entity.js';
import { RepositoryFact } from '../../src/repositories/repository-fact.entity.js';
import { createDatabase, describeOnEachDatabase, type TestDatabase } from '../helpers/databases.js';
import { GRANTS } from '../helpers/grants.js';
import { startTestServer, type TestServer } from '../helpers/server.js';

const [BEFORE, NOW, AFTER] = [
  '2026-01-01T00:00:01Z',
  '2026-01-01T00:00:02Z',
  '2026-01-01T00:00:03Z',
];

// GitHub answers from caches, so that an answer may be older than a payload that was applied before it.
describeOnEachDatabase('An answer of GitHub', (kind) => {
  let database: TestDatabase;
  let server: TestServer;
  let dataSource: DataSource;
  beforeAll(async () => {
    database = await createDatabase(kind);
    server = await startTestServer(database);
    await server.ready;
    dataSource = server.database.dataSource;
  });
  afterAll(async () => {
    await server?.close();
    await database?.remove();
  });

  let lastId = 7_000_000_000;
  const newId = () => String(++lastId);
  const installationOf = (id: string, more: object = {}) =>
    installationFactsOf({ id: Number(id), updated_at: NOW, ...more }) as InstallationFacts;
  const repositoryOf = (id: string, more: object = {}) =>
    repositoryFactsOf({
      ...{ id: Number(id), full_name: `acme/r-${id}`, private: false, updated_at: NOW },
      ...more,
    }) as RepositoryFacts;

  const known = (id: string) => dataSource.manager.findOneBy(InstallationFact, { id });
  const repository = (id: string) => dataSource.manager.findOneBy(RepositoryFact, { id });
  const mark = (id: string, changes: Partial<InstallationFact> = {}) =>
    dataSource.transaction(async (manager) => {
      await lockInstallation(manager, id);
      await markDirty(manager, id, changes);
    });
  const writer = () => ({
    dataSource,
    grants: GRANTS,
    transact: (work: Parameters<typeof repeatedTransaction>[1]) =>
      repeatedTransaction(dataSource, work) as Promise<any>,
  });
  const answer = async (
    installation: InstallationFacts,
    listed: RepositoryFacts[],
    row?: InstallationFact | null,
  ) =>
    writeTruth(
      writer(),
      { installation, repositories: { listed, complete: true } },
      row === undefined ? await known(installation.id) : row,
    );

  /** A repository that a payload made private, with the mark that it left. */
  async function privatized(updatedAt: string) {
    const [id, repositoryId] = [newId(), newId()];
    await answer(installationOf(id), [repositoryOf(repositoryId, { updated_at: BEFORE })]);
    await mark(id);
    await dataSource.manager.update(RepositoryFact, repositoryId, {
      ...{ isPrivate: true, visibility: 'private', updatedAt: new Date(updatedAt) },
    });
    return { id, repositoryId };
  }
  const privacy = async (id: string) => {
    const { isPrivate, visibility, updatedAt } = (await repository(id)) as RepositoryFact;
    return { isPrivate, visibility, updatedAt: updatedAt?.getTime() };
  };
  const hidden = { isPrivate: true, visibility: 'private', updatedAt: Date.parse(NOW) };

  test('that is older leaves a repository private, and the mark', async () => {
    const { id, repositoryId } = await privatized(NOW);
    const stale = [repositoryOf(repositoryId, { updated_at: BEFORE, description: 'stale' })];
    expect(await answer(installationOf(id), stale)).toMatchObject({ isDone: false });
    expect(await privacy(repositoryId)).toEqual(hidden);
    expect((await repository(repositoryId))?.description).toBeNull();
    expect((await known(id))?.dirtySince).not.toBeNull();
  });

  test('that has no time of a repository, or the same, leaves it private until GitHub had time', async () => {
    const { id, repositoryId } = await privatized(NOW);
    for (const updated_at of [NOW, null]) {
      const same = [repositoryOf(repositoryId, { updated_at })];
      expect(await answer(installationOf(id), same)).toMatchObject({ isDone: false });
      expect(await privacy(repositoryId)).toEqual(hidden);
    }
    await dataSource.manager.update(InstallationFact, id, { refetchFailures: 2 });
    const same = [repositoryOf(repositoryId)];
    expect(await answer(installationOf(id), same)).toMatchObject({ isDone: true });
    expect(await privacy(repositoryId)).toMatchObject({ isPrivate: false });
    expect((await known(id))?.dirtySince).toBeNull();
  });

  test('that is newer makes a repository public', async () => {
    const { id, repositoryId } = await privatized(NOW);
    const newer = [repositoryOf(repositoryId, { updated_at: AFTER })];
    expect(await answer(installationOf(id), newer)).toMatchObject({ isDone: true });
    expect(await privacy(repositoryId)).toMatchObject({ isPrivate: false });
  });

  test('however often it is asked, never shows again what a newer payload made private', async () => {
    const { id, repositoryId } = await privatized(NOW);
    const stale = [repositoryOf(repositoryId, { updated_at: BEFORE })];
    for (let failures = 0; failures < 5; failures++) {
      await mark(id, { refetchFailures: failures });
      await answer(installationOf(id), stale);
      expect(await privacy(repositoryId)).toEqual(hidden);
    }
  });

  test('about an installation that is older is not written, and the mark stays', async () => {
    const [id, repositoryId] = [newId(), newId()];
    const suspendedAt = new Date(NOW);
    await mark(id, { updatedAt: new Date(NOW), suspendedAt, refetchFailures: 9 });
    const stale = installationOf(id, { updated_at: BEFORE });
    expect(await answer(stale, [repositoryOf(repositoryId)])).toBeNull();
    expect(await known(id)).toMatchObject({ suspendedAt, dirtySince: expect.any(Date) });
    expect(await repository(repositoryId)).toBeNull();
  });

  test('without a time leaves the time that is known', async () => {
    const [id, repositoryId] = [newId(), newId()];
    await answer(installationOf(id), [repositoryOf(repositoryId)]);
    const bare = { updated_at: null };
    await answer(installationOf(id, bare), [
      repositoryOf(repositoryId, { ...bare, description: 'x' }),
    ]);
    expect((await known(id))?.updatedAt).toEqual(new Date(NOW));
    expect(await repository(repositoryId)).toMatchObject({
      ...{ updatedAt: new Date(NOW), description: 'x' },
    });
  });

  test.each(['older', 'newer'])(
    'gives a transferred repository to the newer installation, the %s first',
    async (first) => {
      const [from, to, repositoryId] = [newId(), newId(), newId()];
      for (const id of [from, to]) await mark(id);
      const answers = [
        () => answer(installationOf(from), [repositoryOf(repositoryId, { updated_at: BEFORE })]),
        () => answer(installationOf(to), [repositoryOf(repositoryId)]),
      ];
      if (first === 'newer') answers.reverse();
      for (const give of answers) await give();
      expect(await repository(repositoryId)).toMatchObject({ installationId: to });
      expect((await known(from))?.dirtySince).not.toBeNull();
    },
  );

  test('and another at once give a transferred repository to the newer installation', async () => {
    for (let round = 0; round < 20; round++) {
      const [from, to] = [newId(), newId()];
      const ids = Array.from({ length: 30 }, newId);
      for (const id of [from, to]) await mark(id);
      const [older, newer] = [BEFORE, NOW].map((updated_at) =>
        ids.map((id) => repositoryOf(id, { updated_at })),
      ) as [RepositoryFacts[], RepositoryFacts[]];
      const both = [
        () => answer(installationOf(from), older),
        () => answer(installationOf(to), newer.toReversed()),
      ];
      if (round % 2) both.reverse();
      await Promise.all(both.map((give) => give()));
      const rows = await dataSource.manager.findBy(RepositoryFact, { installationId: to });
      // The newer one may have been outdated by the other, and is marked then.
      const isMarked = (await known(to))?.dirtySince !== null;
      if (isMarked) await answer(installationOf(to), newer);
      else expect(rows).toHaveLength(30);
      expect(await dataSource.manager.countBy(RepositoryFact, { installationId: to })).toBe(30);
      expect((await known(from))?.dirtySince).not.toBeNull();
    }
  }, 60_000);
});
