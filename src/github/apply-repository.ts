import { InstallationFact } from '../installations/installation-fact.entity.js';
import { RepositoryFact } from '../repositories/repository-fact.entity.js';
import { type Effect, isOlder } from './effect.js';
import { markDirty, removeRepositories } from './fact-store.js';
import { idOf, objectOf, repositoryFactsOf } from './from-github.js';

/** Only a row that is known: another repository may not be in the selection. */
export const updateRepository: Effect = async ({ manager, installation, payload, isAsked }) => {
  const facts = repositoryFactsOf(objectOf(payload.repository) ?? {});
  const known =
    facts &&
    (await manager.findOneBy(RepositoryFact, { id: facts.id, installationId: installation.id }));
  if (!known || isOlder(facts.updatedAt, known.updatedAt)) return {};
  // Of two payloads of one second, the one that hides is believed.
  const isNewer = known.updatedAt === null || isOlder(known.updatedAt, facts.updatedAt);
  const staysHidden = known.isPrivate && !facts.isPrivate && (isAsked || !isNewer);
  // With the time of what stays: GitHub's answer is newer, and reveals it.
  const { isPrivate, visibility, updatedAt } = staysHidden ? known : facts;
  const owner = installation.accountLogin ?? facts.owner;
  const changes = { ...facts, owner, isPrivate, visibility };
  await manager.update(RepositoryFact, facts.id, {
    ...changes,
    updatedAt: updatedAt ?? known.updatedAt,
  });
  return {};
};

export const deleteRepository: Effect = async ({ manager, installation, payload }) => {
  const id = idOf(objectOf(payload.repository)?.id);
  if (id) await removeRepositories(manager, installation.id, [id]);
  return {};
};

/** The installation of the account before loses it, whichever of the two hears of it. */
export const transferRepository: Effect = async (occasion) => {
  const { manager, payload } = occasion;
  const repository = objectOf(payload.repository) ?? {};
  const facts = repositoryFactsOf(repository);
  const ownerId = idOf(objectOf(repository.owner)?.id);
  const known = facts && (await manager.findOneBy(RepositoryFact, { id: facts.id }));
  if (!known || isOlder(facts.updatedAt, known.updatedAt)) return {};
  const { installationId } = known;
  const { accountId } = await manager.findOneByOrFail(InstallationFact, { id: installationId });
  if (!ownerId || accountId === ownerId) return updateRepository(occasion);
  await markDirty(manager, installationId);
  await removeRepositories(manager, installationId, [facts.id]);
  return {};
};
