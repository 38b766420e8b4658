import { isDeepStrictEqual } from 'node:util';
import { type EntityManager, In, MoreThan } from 'typeorm';
import { InstallationFact } from '../installations/installation-fact.entity.js';
import { RepositoryFact } from '../repositories/repository-fact.entity.js';
import type { InstallationFacts, RepositoryFacts } from './from-github.js';

/** GitHub's own answer about one installation. */
export interface Truth {
  installation: InstallationFacts;
  /** `null`: GitHub lists none of a suspended installation, and the last known stay. */
  repositories: RepositoryList | null;
}

export interface RepositoryList {
  listed: readonly RepositoryFacts[];
  /** Whether these are all: a list that is truncated, or that changed between its pages, removes nothing. */
  complete: boolean;
}

/** What is not said of it stays as it is. */
export type ListedRepository = Partial<RepositoryFacts> &
  Pick<RepositoryFacts, 'id' | 'owner' | 'name' | 'isPrivate'>;

/** Rows that a write has changed. */
export interface Changes {
  installations: number;
  repositories: number;
}

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
  return manager.findOneOrFail(InstallationFact, {
    where: { id },
    lock: { mode: 'pessimistic_write' },
  });
}

/** Writes a locked row, and outdates what was asked of GitHub before. */
export async function updateInstallation(
  manager: EntityManager,
  { id }: InstallationFact,
  changes: Partial<InstallationFact>,
): Promise<void> {
  await manager.update(InstallationFact, id, { ...changes, version: () => 'version + 1' });
}

/**
 * Writes GitHub's answer, in the transaction of `manager`. Rows that do not change are not written.
 *
 * @param version of the row before GitHub was asked; `null`: there was none
 * @returns `null`: something newer was written meanwhile, or the installation is deleted for good; nothing was written
 */
export async function writeTruth(
  manager: EntityManager,
  { installation, repositories }: Truth,
  version: number | null,
): Promise<Changes | null> {
  const known = await lockInstallation(manager, installation.id);
  if (known.deletedAt || known.version !== (version ?? 0)) return null;
  const isDone = repositories?.complete !== false;
  const facts = {
    ...installation,
    missingSince: null,
    ...(isDone && { dirtySince: null, refetchAfter: null, refetchFailures: 0 }),
  };
  const changes = {
    installations: Number(differs(known, facts)),
    repositories: repositories ? await writeRepositories(manager, known, repositories) : 0,
  };
  if (changes.installations + changes.repositories === 0 && known.fetchedAt) return changes;
  await updateInstallation(manager, known, {
    ...facts,
    ...(isDone && { fetchedAt: new Date() }),
  });
  return changes;
}

/**
 * Hides an installation that GitHub does not know, until it does.
 *
 * @param version of the row before GitHub was asked
 * @returns whether it was written: nothing newer was written meanwhile
 */
export async function writeMissing(
  manager: EntityManager,
  id: string,
  version: number,
): Promise<boolean> {
  const known = await lockInstallation(manager, id);
  if (known.deletedAt || known.version !== version) return false;
  await updateInstallation(manager, known, {
    missingSince: known.missingSince ?? new Date(),
    dirtySince: null,
    refetchAfter: null,
    refetchFailures: 0,
  });
  return true;
}

/** Makes these the repositories of an installation. @returns rows written or removed */
async function writeRepositories(
  manager: EntityManager,
  { id }: InstallationFact,
  { listed, complete }: RepositoryList,
): Promise<number> {
  const unwritten = new Map(listed.map((repository) => [repository.id, repository]));
  const gone: string[] = [];
  for await (const row of repositoriesOf(manager, id)) {
    const facts = unwritten.get(row.id);
    if (!facts && complete) gone.push(row.id);
    if (facts && !differs(row, facts)) unwritten.delete(row.id);
  }
  await removeRepositories(manager, id, gone);
  await addRepositories(manager, id, [...unwritten.values()]);
  return gone.length + unwritten.size;
}

async function* repositoriesOf(
  manager: EntityManager,
  installationId: string,
): AsyncGenerator<RepositoryFact> {
  let rows: RepositoryFact[] = [];
  do {
    const id = MoreThan(rows.at(-1)?.id ?? '0');
    rows = await manager.find(RepositoryFact, {
      where: { installationId, id },
      order: { id: 'ASC' },
      take: CHUNK,
    });
    yield* rows;
  } while (rows.length === CHUNK);
}

/** Adds what a payload lists; of what the installation has already, more is known than that. */
export async function addMissingRepositories(
  manager: EntityManager,
  installationId: string,
  repositories: readonly ListedRepository[],
): Promise<void> {
  const missing = new Map(repositories.map((repository) => [repository.id, repository]));
  for (const chunk of chunksOf([...missing.keys()])) {
    const known = await manager.find(RepositoryFact, {
      select: { id: true },
      where: { id: In(chunk), installationId },
    });
    for (const { id } of known) missing.delete(id);
  }
  await addRepositories(manager, installationId, [...missing.values()]);
}

/** Removes those of this installation; another one may have them by now. */
export async function removeRepositories(
  manager: EntityManager,
  installationId: string,
  ids: readonly string[],
): Promise<void> {
  for (const chunk of chunksOf(ids)) {
    await manager.delete(RepositoryFact, { id: In(chunk), installationId });
  }
}

/**
 * Adds or overwrites repositories. Another installation that had one loses it: what was asked of GitHub for that one
 * before is outdated, and it is asked again.
 */
async function addRepositories(
  manager: EntityManager,
  installationId: string,
  repositories: readonly ListedRepository[],
): Promise<void> {
  for (const chunk of chunksOf(repositories)) {
    const ids = chunk.map(({ id }) => id);
    const others = await manager
      .createQueryBuilder(RepositoryFact, 'repository')
      .select('DISTINCT repository.installationId', 'id')
      .where('repository.id IN (:...ids) AND repository.installationId <> :installationId', {
        ids,
        installationId,
      })
      .getRawMany<{ id: string }>();
    for (const { id } of others) await markDirty(manager, id);
    const rows = chunk.map((repository) => ({ ...repository, installationId }));
    await manager.upsert(RepositoryFact, rows, ['id']);
  }
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
    dirtySince: () => 'coalesce(dirty_since, now())',
    refetchAfter: () => 'CASE WHEN dirty_since IS NULL THEN now() ELSE refetch_after END',
    version: () => 'version + 1',
  });
}

function differs(row: object, facts: object): boolean {
  return Object.entries(facts).some(
    ([name, value]) => !isDeepStrictEqual(row[name as keyof typeof row], value),
  );
}

function* chunksOf<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let start = 0; start < items.length; start += CHUNK) yield items.slice(start, start + CHUNK);
}
