import { type EntityManager, In } from 'typeorm';
import { InstallationFact } from '../installations/installation-fact.entity.js';
import { RepositoryFact } from '../repositories/repository-fact.entity.js';
import { type ListedRepository, mergeRepository } from './merge-repository.js';

/** Rows of one statement. The process serves reads between two of them: TypeORM takes milliseconds for each. */
const CHUNK = 25;

/**
 * Locks the row of an installation, which is made where there is none. Whoever writes facts of an installation, or of
 * its repositories, holds this lock.
 */
export async function lockInstallation(
  manager: EntityManager,
  id: string,
): Promise<InstallationFact> {
  await manager
    .createQueryBuilder()
    .insert()
    .into(InstallationFact)
    .values({ id })
    .orIgnore()
    .execute();
  return manager.findOneOrFail(InstallationFact, lockOf(id));
}

/** Locks the row of an installation. @returns `null`: there is none, or it is deleted for good */
export async function lockKnown(
  manager: EntityManager,
  id: string,
): Promise<InstallationFact | null> {
  const row = await manager.findOne(InstallationFact, lockOf(id));
  return row?.deletedAt ? null : row;
}

const lockOf = (id: string) => ({ where: { id }, lock: { mode: 'pessimistic_write' } }) as const;

/** Writes a locked row, and outdates what was asked of GitHub before. */
export async function updateInstallation(
  manager: EntityManager,
  { id }: InstallationFact,
  changes: Partial<InstallationFact>,
): Promise<void> {
  await manager.update(InstallationFact, id, { ...changes, version: () => 'version + 1' });
}

/** Adds what a payload lists; of what the installation has already, more is known than that. */
export async function addMissingRepositories(
  manager: EntityManager,
  installationId: string,
  repositories: readonly ListedRepository[],
): Promise<void> {
  const missing = new Map(repositories.map((repository) => [repository.id, repository]));
  for (const chunk of chunksOf([...missing.keys()], CHUNK)) {
    const known = await manager.find(RepositoryFact, {
      select: { id: true },
      where: { id: In(chunk), installationId },
    });
    for (const { id } of known) missing.delete(id);
  }
  await writeRepositories(manager, installationId, [...missing.values()], true);
}

/** Removes those of this installation; another one may have them by now. */
export async function removeRepositories(
  manager: EntityManager,
  installationId: string,
  ids: readonly string[],
): Promise<void> {
  for (const chunk of chunksOf(ids, CHUNK)) {
    await manager.delete(RepositoryFact, { id: In(chunk), installationId });
  }
}

/**
 * Adds or overwrites repositories, unless something newer is known. Another installation that had one loses it: what
 * was asked of GitHub for that one before is outdated, and it is asked again.
 *
 * @returns how many stay as they are, as what is known of them is newer, or hides
 */
export async function writeRepositories(
  manager: EntityManager,
  installationId: string,
  repositories: readonly ListedRepository[],
  isSettled: boolean,
): Promise<number> {
  let kept = 0;
  // In one order, so that two installations that write the same ones meet in no deadlock.
  const ordered = [...repositories].sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
  for (const chunk of chunksOf(ordered, CHUNK)) {
    const rows = chunk.map((repository) => ({ ...repository, installationId }));
    const added = await insertRepositories(manager, rows);
    const rest = chunk.filter(({ id }) => !added.has(id));
    if (rest.length > 0) kept += await overwrite(manager, installationId, rest, isSettled);
  }
  return kept;
}

/** Waits for whoever adds one of them at the same time. @returns the ids of those that were not there */
export async function insertRepositories(
  manager: EntityManager,
  rows: readonly (ListedRepository & { installationId: string })[],
): Promise<ReadonlySet<string>> {
  const { raw } = await manager
    .createQueryBuilder()
    .insert()
    .into(RepositoryFact)
    .values([...rows])
    .orIgnore()
    .returning('id')
    .updateEntity(false)
    .execute();
  return new Set((raw as { id: unknown }[]).map(({ id }) => String(id)));
}

async function overwrite(
  manager: EntityManager,
  installationId: string,
  repositories: readonly ListedRepository[],
  isSettled: boolean,
): Promise<number> {
  const rows = await manager.find(RepositoryFact, {
    where: { id: In(repositories.map(({ id }) => id)) },
    order: { id: 'ASC' },
    lock: { mode: 'pessimistic_write' },
  });
  const known = new Map(rows.map((row) => [row.id, row]));
  const written: (ListedRepository & { installationId: string })[] = [];
  const losers = new Set<string>();
  let kept = 0;
  for (const repository of repositories) {
    const row = known.get(repository.id);
    if (!row) continue;
    const facts = mergeRepository(row, repository, isSettled);
    if (facts?.isPrivate !== repository.isPrivate) kept += 1;
    if (!facts) continue;
    if (row.installationId !== installationId) losers.add(row.installationId);
    written.push({ ...facts, installationId });
  }
  for (const id of losers) await markDirty(manager, id);
  if (written.length > 0) await manager.upsert(RepositoryFact, written, ['id']);
  const removed = repositories.filter(({ id }) => !known.has(id));
  // By another installation, which has just lost it.
  if (removed.length > 0)
    kept += await writeRepositories(manager, installationId, removed, isSettled);
  return kept;
}

/**
 * The mark, which survives a crash: GitHub will be asked for all of it. Where it is asked already, that answer is
 * outdated, and the same instance asks again.
 */
export async function markDirty(
  manager: EntityManager,
  id: string,
  changes: Partial<InstallationFact> = {},
): Promise<void> {
  await manager.update(InstallationFact, id, {
    ...changes,
    version: () => 'version + 1',
    dirtySince: () => 'coalesce(dirty_since, now())',
    refetchAfter: () => 'CASE WHEN dirty_since IS NULL THEN now() ELSE refetch_after END',
  });
}

export function* chunksOf<Item>(items: readonly Item[], size: number): Generator<Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
