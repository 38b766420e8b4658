import { RepositoryFact } from '../repositories/repository-fact.entity.js';
import { type Effect, knownOf } from './effect.js';
import { accountFactsOf, objectOf, textOf } from './from-github.js';

/** Of what is known by another name than the one before, nothing: it is newer, or an earlier change has yet to come. */
export const renameAccount: Effect = async ({ manager, installation, payload }) => {
  const facts = accountFactsOf(objectOf(payload.account) ?? objectOf(payload.organization));
  const changes = objectOf(payload.changes);
  const from = textOf(objectOf(changes?.login ?? changes?.slug)?.from);
  const { accountId, accountLogin: owner } = facts;
  const { accountId: knownId, accountLogin: knownLogin } = installation;
  if (!owner || !from || (knownId && knownId !== accountId)) return {};
  if (knownLogin && knownLogin !== from) return {};
  await manager.update(RepositoryFact, { installationId: installation.id, owner: from }, { owner });
  return knownOf(facts);
};
