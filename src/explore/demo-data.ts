import type { DataSource } from 'typeorm';
import { GithubAppInstallation } from '../installations/github-app-installation.entity.js';
import { User } from '../users/user.entity.js';

export const DEMO_USER = 'user123';

/** The first is the documented example; the last exceeds 2^31, as GitHub's ids will. */
const DEMO_INSTALLATIONS = ['12345678', '23456789', '4294967299'];
const DEMO_TIME = new Date('2024-03-20T10:00:00Z');

/** Adds the demo user and its installations; existing rows stay unchanged. */
export async function seed(dataSource: DataSource): Promise<void> {
  await dataSource.transaction(async (manager) => {
    const times = { createdAt: DEMO_TIME, updatedAt: DEMO_TIME };
    const insert = (entity: typeof User | typeof GithubAppInstallation, rows: object[]) =>
      manager.createQueryBuilder().insert().into(entity).values(rows).orIgnore().execute();
    await insert(User, [{ id: DEMO_USER, ...times }]);
    await insert(
      GithubAppInstallation,
      DEMO_INSTALLATIONS.map((githubInstallationId) => ({
        neptunUserId: DEMO_USER,
        githubInstallationId,
        ...times,
      })),
    );
  });
}

export async function seedOnce(dataSource: DataSource): Promise<void> {
  if (!(await dataSource.manager.exists(User))) await seed(dataSource);
}
