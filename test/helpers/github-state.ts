import { type DataSource, IsNull } from 'typeorm';
import { InstallationFact } from '../../src/installations/installation-fact.entity.js';
import { RepositoryFact } from '../../src/repositories/repository-fact.entity.js';
import type { TestGithub } from './github.js';

/** What the database has of installations that are served, as `trueState` tells it. */
export async function keptState({ manager }: DataSource) {
  const served = { deletedAt: IsNull(), missingSince: IsNull() };
  const facts = await manager.find(InstallationFact, { where: served, order: { id: 'ASC' } });
  const repositories = await manager.find(RepositoryFact, { order: { id: 'ASC' } });
  return facts.map((fact) => ({
    id: fact.id,
    account: fact.accountLogin,
    isSuspended: fact.suspendedAt !== null,
    selection: fact.repositorySelection,
    permissions: fact.permissions,
    repositories: repositories
      .filter(({ installationId }) => installationId === fact.id)
      .map(({ id, owner, name, isPrivate, isArchived, description }) => ({
        ...{ id, name: `${owner}/${name}` },
        ...{ isPrivate, isArchived, description },
      })),
  }));
}

/** What is so at GitHub of the installations of the App. */
export function trueState({ world, app }: TestGithub): Awaited<ReturnType<typeof keptState>> {
  return world.installationsOf(app).map((installation) => ({
    id: String(installation.id),
    account: installation.account.login,
    isSuspended: installation.suspendedAt !== null,
    selection: installation.selected ? 'selected' : 'all',
    permissions: installation.permissions,
    repositories: world
      .reached(installation)
      .map(({ id, owner, name, visibility, archived, description }) => ({
        ...{ id: String(id), name: `${owner.login}/${name}` },
        ...{ isPrivate: visibility !== 'public', isArchived: archived, description },
      })),
  }));
}
