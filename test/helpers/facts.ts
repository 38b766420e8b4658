import { InstallationFact } from '../../src/installations/installation-fact.entity.js';
import { RepositoryFact } from '../../src/repositories/repository-fact.entity.js';
import type { TestServer } from './server.js';

type Rows<Fact> = (Partial<Fact> & { id: string })[];

/** What GitHub has said of an installation that nothing is wrong with. */
const KNOWN: Partial<InstallationFact> = {
  repositorySelection: 'all',
  permissions: { metadata: 'read' },
};

/** Writes what GitHub has said of installations. */
export async function addInstallationFacts(
  { database }: TestServer,
  facts: Rows<InstallationFact>,
): Promise<void> {
  const rows = facts.map((fact) => ({ ...KNOWN, ...fact }));
  await database.dataSource.manager.insert(InstallationFact, rows);
}

/** Writes public repositories of an installation, unless something else is said. */
export async function addRepositories(
  { database }: TestServer,
  installationId: string,
  facts: Rows<RepositoryFact>,
): Promise<void> {
  const rows = facts.map((fact) => ({
    owner: 'octo-org',
    name: `repository-${fact.id}`,
    isPrivate: false,
    installationId,
    ...fact,
  }));
  await database.dataSource.manager.insert(RepositoryFact, rows);
}
