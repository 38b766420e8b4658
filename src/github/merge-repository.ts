import type { RepositoryFact } from '../repositories/repository-fact.entity.js';
import { isOlder } from './effect.js';
import type { RepositoryFacts } from './from-github.js';

/** What is not said of it stays as it is. */
export type ListedRepository = Partial<RepositoryFacts> &
  Pick<RepositoryFacts, 'id' | 'owner' | 'name' | 'isPrivate'>;

/**
 * GitHub answers from caches, so that an answer may be older than a payload that has arrived before it.
 *
 * @param isSettled whether GitHub has had the time to answer what is so: of two that have one time, the answer is
 *   believed then, else the one that hides
 * @returns what is to be written of a repository that is known; `null`: what is known is newer
 */
export function mergeRepository(
  known: RepositoryFact,
  facts: ListedRepository,
  isSettled: boolean,
): ListedRepository | null {
  const updatedAt = facts.updatedAt ?? known.updatedAt;
  if (isOlder(updatedAt, known.updatedAt)) return null;
  const isNewer = known.updatedAt === null || isOlder(known.updatedAt, updatedAt);
  const staysHidden = known.isPrivate && !facts.isPrivate && !isNewer && !isSettled;
  const { isPrivate, visibility } = known;
  return { ...facts, updatedAt, ...(staysHidden && { isPrivate, visibility }) };
}
