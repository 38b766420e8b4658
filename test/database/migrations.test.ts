import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { loadConfig } from '../../src/config.js';
import { createDataSource } from '../../src/database/data-source.js';
import { migrate } from '../../src/database/migrate.js';
import { createPool } from '../../src/database/pool.js';
import { GithubAppInstallation } from '../../src/installations/github-app-installation.entity.js';
import { User } from '../../src/users/user.entity.js';
import { createDatabase, describeOnEachDatabase, type TestDatabase } from '../helpers/databases.js';

describeOnEachDatabase('Migrations and entities', (kind) => {
  let database: TestDatabase;
  let dataSource: DataSource;
  beforeAll(async () => {
    database = await createDatabase(kind);
    const pool = createPool(loadConfig(database.env), () => {});
    dataSource = createDataSource(pool, () => pool.end());
    await dataSource.initialize();
    await migrate(dataSource);
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

  test('agree: there is no pending difference', async () => {
    expect(await pendingDifference()).toEqual([]);
  });

  test('can be reverted and applied again', async () => {
    await undoAll();
    expect(await pendingDifference()).not.toEqual([]);
    expect(await migrate(dataSource)).toHaveLength(dataSource.migrations.length);
    expect(await migrate(dataSource)).toEqual([]);
    expect(await pendingDifference()).toEqual([]);
  });

  test('take an index that was made before, without holding up those who write', async () => {
    await dataSource.undoLastMigration({ transaction: 'all' });
    await dataSource.query(
      `CREATE INDEX CONCURRENTLY github_app_installation_read_idx
        ON github_app_installation (neptun_user_id, id)
        INCLUDE (github_installation_id, created_at, updated_at)`,
    );
    expect(await migrate(dataSource)).toHaveLength(1);
  });

  test('are applied once by several that start together', async () => {
    await undoAll();
    const applied = await Promise.all([
      migrate(dataSource),
      migrate(dataSource),
      migrate(dataSource),
    ]);
    expect(applied.flat()).toHaveLength(dataSource.migrations.length);
  });

  test('need no more than the plain inserts of other programs', async () => {
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

  test('hold what the tables promise: one link once, none without its user, none after it', async () => {
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
