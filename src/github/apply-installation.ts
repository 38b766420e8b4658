import { GithubInstallationRequest } from '../grants/installation-request.entity.js';
import type { InstallationFact } from '../installations/installation-fact.entity.js';
import { RepositoryFact } from '../repositories/repository-fact.entity.js';
import { type Effect, isOlder, knownOf, type Occasion } from './effect.js';
import { addMissingRepositories, removeRepositories } from './fact-store.js';
import {
  idOf,
  installationFactsOf,
  objectOf,
  objectsOf,
  type RepositoryFacts,
  repositoryFactsOf,
  timeOf,
} from './from-github.js';

export const changeInstallation: Effect = async (occasion) => changesOf(occasion);

export const createInstallation: Effect = async (occasion) => {
  const { manager, installation, payload, grants } = occasion;
  const people = [payload.sender, payload.requester].map((user) => idOf(objectOf(user)?.id));
  await grants.addSenders(
    manager,
    installation.id,
    people.filter((id) => id !== null),
  );
  // An owner has answered.
  const accountId = idOf(objectOf(objectOf(payload.installation)?.account)?.id);
  if (accountId) await manager.delete(GithubInstallationRequest, { accountId });
  await reveal(occasion, payload.repositories);
  return changesOf(occasion);
};

export const addListed: Effect = async (occasion) => {
  await reveal(occasion, occasion.payload.repositories_added);
  return changesOf(occasion);
};

/** At once, however old the payload is: others that are newer do not say whether it is still so. */
export const removeListed: Effect = async (occasion) => {
  const ids = objectsOf(occasion.payload.repositories_removed).map(({ id }) => idOf(id));
  await removeRepositories(
    occasion.manager,
    occasion.installation.id,
    ids.filter((id) => id !== null),
  );
  return changesOf(occasion);
};

/** The tombstone. */
export const deleteInstallation: Effect = async (occasion) => {
  const { manager, installation } = occasion;
  await manager.delete(RepositoryFact, { installationId: installation.id });
  return {
    ...changesOf(occasion),
    deletedAt: new Date(),
    dirtySince: null,
    refetchAfter: null,
    refetchFailures: 0,
  };
};

async function reveal(occasion: Occasion, listed: unknown): Promise<void> {
  const { manager, installation, isAsked } = occasion;
  if (isAsked || isOlderThanKnown(occasion)) return;
  const repositories = objectsOf(listed)
    .map(repositoryFactsOf)
    .filter((facts) => facts !== null);
  const listedOf = (facts: RepositoryFacts) => ({
    ...knownOf(facts),
    // The account may have been renamed since.
    owner: installation.accountLogin ?? facts.owner,
  });
  await addMissingRepositories(manager, installation.id, repositories.map(listedOf));
}

/** What a payload says of its installation, unless something newer is known; what it lacks stays. */
function changesOf(occasion: Occasion): Partial<InstallationFact> {
  const { installation, isAsked, payload } = occasion;
  const facts = installationFactsOf(objectOf(payload.installation) ?? {});
  if (!facts || isOlder(facts.updatedAt, installation.updatedAt)) return {};
  const isNewer = isOlder(installation.updatedAt, facts.updatedAt);
  return {
    ...knownOf(facts),
    ...(!isNewer && namesOf(installation)),
    suspendedAt: suspensionOf(occasion, facts.suspendedAt, isNewer),
    ...(!isAsked && { missingSince: null }),
  };
}

/** Of an account that was renamed, `updated_at` of the installation stays. */
function namesOf({ accountLogin, accountUrl, htmlUrl }: InstallationFact) {
  return accountLogin && knownOf({ accountLogin, accountUrl, htmlUrl });
}

/** Suspending and its end have the same `updated_at`: only the end itself ends it, or what is newer for certain. */
function suspensionOf(
  { action, installation, isAsked }: Occasion,
  suspendedAt: Date | null,
  isNewer: boolean,
): Date | null {
  if (action === 'suspend') return suspendedAt ?? installation.suspendedAt ?? new Date();
  const isEnd = action === 'unsuspend';
  if (suspendedAt && !isEnd) return suspendedAt;
  return !isAsked && (isEnd || isNewer) ? null : installation.suspendedAt;
}

function isOlderThanKnown({ payload, installation }: Occasion): boolean {
  return isOlder(timeOf(objectOf(payload.installation)?.updated_at), installation.updatedAt);
}
