import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { loadConfig } from '../../src/config.js';
import { createPool } from '../../src/database/create-pool.js';
import { createDataSource } from '../../src/database/data-source.js';
import { migrateAll } from '../../src/database/migrate.js';
import { ENTITIES } from '../../src/entities.js';
import { GithubAppInstallation } from '../../src/installations/github-app-installation.entity.js';
import { User } from '../../src/users/user.entity.js';
import { createDatabase, describeOnEachDatabase, type TestDatabase } from '../helpers/databases.js';

describeOnEachDatabase('Migrations and entities', (kind) => {
  let database: TestDatabase;
  let dataSource: DataSource;
  beforeAll(async () => {
    database = await createDatabase(kind);
    const pool = createPool(loadConfig(database.env), () => {});
    dataSource = createDataSource(pool, ENTITIES, () => pool.end());
    await dataSource.initialize();
    await migrateAll(dataSource);
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.remove();
  });
  const pendingDifference = async () =>
    (await dataSource.driver.createSchemaBuilder().log()).upQueries.map(({ query }) => query);
  const undoAll = async () => {
    for (const _ of dataSource.migrations)
      await dataSource.undoLastMigration({ transaction: 'all' });
  };

  test('leave no difference to the entities', async () => {
    expect(await pendingDifference()).toEqual([]);
  });

  test('can be reverted and applied again', async () => {
    await undoAll();
    expect(await pendingDifference()).not.toEqual([]);
    expect(await migrateAll(dataSource)).toHaveLength(dataSource.migrations.length);
    expect(await migrateAll(dataSource)).toEqual([]);
    expect(await pendingDifference()).toEqual([]);
  });

  /** The history knows nothing of the index any more: as if an operator had made it. */
  const forgetIndexMigration = () =>
    dataSource.query("DELETE FROM installations_server_migration WHERE name LIKE 'IndexReads%'");

  test('take an index that was made before', async () => {
    await forgetIndexMigration();
    expect(await migrateAll(dataSource)).toHaveLength(1);
  });

  // The embedded database has one connection, so that there is no other writer.
  if (kind === 'PostgreSQL')
    test('take an index that was made before without waiting for writers', async () => {
      await forgetIndexMigration();
      const writer = dataSource.createQueryRunner();
      await writer.startTransaction();
      await writer.query("INSERT INTO neptun_user (id) VALUES ('writer')");
      await writer.query(
        "INSERT INTO github_app_installation (neptun_user_id, github_installation_id) VALUES ('writer', 1)",
      );
      const end = setTimeout(() => writer.rollbackTransaction(), 3_000);
      expect(await migrateAll(dataSource)).toHaveLength(1);
      expect(writer.isTransactionActive).toBe(true);
      clearTimeout(end);
      await writer.rollbackTransaction();
      await writer.release();
    });

  if (kind === 'PostgreSQL')
    test('replace an invalid index, which a build that was broken off has left', async () => {
      await forgetIndexMigration();
      const index =
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'github_app_installation_read_idx'::regclass";
      await dataSource.query(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'github_app_installation_read_idx'::regclass",
      );
      expect(await migrateAll(dataSource)).toHaveLength(1);
      expect(await dataSource.query(index)).toEqual([{ indisvalid: true }]);
    });

  test('are applied once by several instances that start together', async () => {
    await undoAll();
    const applied = await Promise.all([
      migrateAll(dataSource),
      migrateAll(dataSource),
      migrateAll(dataSource),
    ]);
    expect(applied.flat()).toHaveLength(dataSource.migrations.length);
  });

  test('accept the plain inserts of other programs', async () => {
    await dataSource.query("INSERT INTO neptun_user (id) VALUES ('plain')");
    await dataSource.query(
      `INSERT INTO github_app_installation (neptun_user_id, github_installation_id)
       VALUES ('plain', 9007199254740993)`,
    );
    const [row] = await dataSource.manager.find(GithubAppInstallation, {
      where: { neptunUserId: 'plain' },
      relations: { user: true },
    });
    expect(row).toMatchObject({
      id: expect.any(Number),
      githubInstallationId: '9007199254740993',
      createdAt: expect.any(Date),
      user: { id: 'plain', updatedAt: expect.any(Date) },
    });
  });

  test('keep a link unique for a user, and no link without its user', async () => {
    await dataSource.query("INSERT INTO neptun_user (id) VALUES ('a'), ('b')");
    const link = (user: string) =>
      dataSource.query(
        'INSERT INTO github_app_installation (neptun_user_id, github_installation_id) VALUES ($1, 5)',
        [user],
      );
    await link('a');
    await link('b');
    await expect(link('a')).rejects.toMatchObject({ code: '23505' });
    await expect(link('nobody')).rejects.toMatchObject({ code: '23503' });
    await dataSource.manager.delete(User, { id: 'a' });
    expect(
      await dataSource.manager.countBy(GithubAppInstallation, { githubInstallationId: '5' }),
    ).toBe(1);
  });
});
