import { type DataSource, In } from 'typeorm';
import type { Database } from '../database/database.js';
import { GithubAppInstallation } from '../installations/github-app-installation.entity.js';
import { User } from '../users/user.entity.js';

export interface DemoUser {
  id: string;
  githubInstallationIds: string[];
}

export const DEMO_USER = 'user123';

export const DEMO_USERS: readonly DemoUser[] = [
  // The first is the documented example; the last exceeds 2^31, as GitHub's ids will.
  { id: DEMO_USER, githubInstallationIds: ['12345678', '23456789', '4294967299'] },
  { id: 'user-with-none', githubInstallationIds: [] },
  {
    id: 'user-with-many',
    githubInstallationIds: Array.from({ length: 1_000 }, (_, index) => String(30_000_000 + index)),
  },
];
/** As many as are worth adding to a database that is used for other things as well. */
const A_FEW = 10;

const TIMES = {
  createdAt: new Date('2024-03-20T10:00:00Z'),
  updatedAt: new Date('2024-03-20T10:00:00Z'),
};

/**
 * Adds the demo users and their installations; existing rows stay unchanged.
 *
 * @param options.embedded whether to add the user with many installations, too
 */
export async function seed(
  dataSource: DataSource,
  { embedded }: { embedded: boolean },
): Promise<void> {
  await dataSource.transaction(async (manager) => {
    const insert = (entity: typeof User | typeof GithubAppInstallation, rows: object[]) =>
      manager.createQueryBuilder().insert().into(entity).values(rows).orIgnore().execute();
    for (const { id, githubInstallationIds } of DEMO_USERS) {
      if (!embedded && githubInstallationIds.length > A_FEW) continue;
      await insert(User, [{ id, ...TIMES }]);
      const rows = githubInstallationIds.map((githubInstallationId) => ({
        neptunUserId: id,
        githubInstallationId,
        ...TIMES,
      }));
      if (rows.length > 0) await insert(GithubAppInstallation, rows);
    }
  });
}

/** Seeds the embedded database, unless it holds users. */
export async function seedOnce(dataSource: DataSource): Promise<void> {
  if (!(await dataSource.manager.exists(User))) await seed(dataSource, { embedded: true });
}

/** The demo users that a database holds; none while it is away, nor in tables of another program. */
export async function presentDemoUsers({
  tables,
  dataSource,
}: Pick<Database, 'tables' | 'dataSource'>): Promise<DemoUser[]> {
  // Ids of another program's users may be numbers.
  if (tables?.origin !== 'own') return [];
  const ids = In(DEMO_USERS.map(({ id }) => id));
  const present = await dataSource.manager.findBy(User, { id: ids }).catch(() => []);
  return DEMO_USERS.filter(({ id }) => present.some((user) => user.id === id));
}
