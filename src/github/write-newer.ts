import { type EntityManager, In } from 'typeorm';
import { RepositoryFact } from '../repositories/repository-fact.entity.js';
import { isOlder } from './effect.js';
import { chunksOf, insertRepositories, lockKnown, updateInstallation } from './fact-store.js';
import type { RepositoryFacts } from './from-github.js';
import type { Truth } from './truth.js';
import type { Writer } from './write-truth.js';

/** Repositories of one transaction, and of one statement. */
const BATCH = 25;

/**
 * Writes of an answer that is outdated what nothing contradicts, for an installation about which deliveries never
 * pause. It removes nothing, and the mark stays. What was removed meanwhile is not known: a repository that is not
 * there is added as a private one, and shown by the next answer, which was asked for when deliveries could change it.
 */
export async function writeNewer(
  { transact }: Writer,
  { installation, repositories }: Truth,
): Promise<void> {
  const { id } = installation;
  for (const listed of chunksOf(repositories?.listed ?? [], BATCH))
    await transact(async (manager) => {
      const row = await lockKnown(manager, id);
      if (!row || isOlder(installation.updatedAt, row.updatedAt)) return;
      if (await writeListed(manager, id, listed)) await updateInstallation(manager, row, {});
    });
  await transact(async (manager) => {
    const row = await lockKnown(manager, id);
    if (!row) return;
    const isNewer = row.updatedAt === null || isOlder(row.updatedAt, installation.updatedAt);
    if (isNewer) await updateInstallation(manager, row, installation);
  });
}

/** @returns whether it has written any */
async function writeListed(
  manager: EntityManager,
  installationId: string,
  listed: readonly RepositoryFacts[],
): Promise<boolean> {
  const hidden = { isPrivate: true, visibility: null, updatedAt: null, installationId };
  const added = await insertRepositories(
    manager,
    listed.map((facts) => ({ ...facts, ...hidden })),
  );
  const known = await manager.findBy(RepositoryFact, {
    id: In(listed.map(({ id }) => id)),
    installationId,
  });
  const times = new Map(known.map(({ id, updatedAt }) => [id, updatedAt]));
  const newer = listed.filter(({ id, updatedAt }) => {
    const time = times.get(id);
    return !added.has(id) && time !== undefined && (time === null || isOlder(time, updatedAt));
  });
  if (newer.length > 0)
    await manager.upsert(
      RepositoryFact,
      newer.map((facts) => ({ ...facts, installationId })),
      ['id'],
    );
  return added.size + newer.length > 0;
}
