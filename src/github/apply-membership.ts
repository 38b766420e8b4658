import type { Effect } from './effect.js';
import { type GithubJson, idOf, objectOf } from './from-github.js';

/** Where GitHub can be asked, it is: an event that is late may tell of somebody who has left since. */
export const addMember: Effect = async ({ manager, payload, isAsked, grants }) => {
  const { accountId, githubId } = membershipOf(payload);
  if (accountId && githubId) await grants.addMember(manager, { accountId, githubId }, isAsked);
  return null;
};

/** At once, however old the payload is: the list of members shows who has come back. */
export const removeMember: Effect = async ({ manager, payload, isAsked, grants }) => {
  const { accountId, githubId } = membershipOf(payload);
  if (accountId && githubId) await grants.removeMember(manager, { accountId, githubId }, isAsked);
  return null;
};

/** A collaborator has lost a repository. */
export const forgetRepository: Effect = async ({ manager, installation, payload, grants }) => {
  const githubId = idOf(objectOf(payload.member)?.id);
  const repositoryId = idOf(objectOf(payload.repository)?.id);
  if (githubId && repositoryId)
    await grants.forgetRepositories(manager, installation.id, { githubId, repositoryId });
  return null;
};

/** A member has left a team: which repositories that takes away is not told, so that all have to be proved again. */
export const forgetOfMember: Effect = async ({ manager, installation, payload, grants }) => {
  const githubId = idOf(objectOf(payload.member)?.id);
  if (githubId) await grants.forgetRepositories(manager, installation.id, { githubId });
  return null;
};

/** A team has lost a repository, or all: who its members are is not told. */
export const forgetOfTeam: Effect = async ({ manager, installation, payload, grants }) => {
  const repositoryId = idOf(objectOf(payload.repository)?.id) ?? undefined;
  await grants.forgetRepositories(manager, installation.id, { repositoryId });
  return null;
};

function membershipOf({ organization, membership }: GithubJson) {
  return {
    accountId: idOf(objectOf(organization)?.id),
    githubId: idOf(objectOf(objectOf(membership)?.user)?.id),
  };
}
