import type { EntityManager } from 'typeorm';
import type { Grants } from '../grants/grants.js';
import { renameAccount } from './apply-account.js';
import {
  addListed,
  changeInstallation,
  createInstallation,
  deleteInstallation,
  removeListed,
} from './apply-installation.js';
import {
  addMember,
  forgetOfMember,
  forgetOfTeam,
  forgetRepository,
  removeMember,
} from './apply-membership.js';
import { deleteRepository, transferRepository, updateRepository } from './apply-repository.js';
import type { Effect } from './effect.js';
import { lockInstallation, markDirty, updateInstallation } from './fact-store.js';
import { type GithubJson, idOf, objectOf } from './from-github.js';

/** Of an event without an action. */
const NO_ACTION = '';

const markAlone: Effect = async () => ({});

/** By event and action. `null`: it is no event of an installation. */
const EFFECTS: Record<string, Record<string, Effect | null>> = {
  installation: {
    created: createInstallation,
    deleted: deleteInstallation,
    suspend: changeInstallation,
    unsuspend: changeInstallation,
    new_permissions_accepted: changeInstallation,
  },
  installation_repositories: { added: addListed, removed: removeListed },
  installation_target: { renamed: renameAccount },
  repository: {
    // It may not be in the selection.
    created: markAlone,
    deleted: deleteRepository,
    archived: updateRepository,
    unarchived: updateRepository,
    edited: updateRepository,
    renamed: updateRepository,
    transferred: transferRepository,
    publicized: updateRepository,
    privatized: updateRepository,
  },
  public: { [NO_ACTION]: updateRepository },
  organization: {
    renamed: renameAccount,
    deleted: markAlone,
    member_added: addMember,
    member_removed: removeMember,
  },
  member: { removed: forgetRepository },
  membership: { removed: forgetOfMember },
  team: { deleted: forgetOfTeam, removed_from_repository: forgetOfTeam },
  meta: { deleted: null },
  github_app_authorization: { revoked: null },
  ping: { [NO_ACTION]: null },
};

export const KNOWN_EVENTS: ReadonlySet<string> = new Set(Object.keys(EFFECTS));

/** What an event does in the transaction of its delivery. */
export type Application = (manager: EntityManager) => Promise<void>;

/**
 * @param appId of the App that the payload was sent to
 * @returns `null`: it can never be applied, as it is no event that is known, or names no installation of this App
 */
export function applicationOf(
  event: string,
  payload: GithubJson,
  { appId, isAsked, grants }: { appId: string; isAsked: boolean; grants: Grants },
): Application | null {
  const action = typeof payload.action === 'string' ? payload.action : NO_ACTION;
  const effect = ownOf(ownOf(EFFECTS, event), action);
  if (effect === undefined) return null;
  if (effect === null) return applicationOfUser(event, payload, grants);
  const id = installationIdOf(payload, appId);
  if (id === null) return null;
  return async (manager) => {
    const installation = await lockInstallation(manager, id);
    if (installation.deletedAt) return;
    const effected = await effect({ manager, installation, action, payload, isAsked, grants });
    if (effected) {
      const changes = { appId, ...effected };
      if (changes.deletedAt) await updateInstallation(manager, installation, changes);
      else await markDirty(manager, id, changes);
    }
    await grants.settle(manager, { installations: [id] });
  };
}

/** What rests on the tokens of a user ends with the authorization. */
function applicationOfUser(event: string, payload: GithubJson, grants: Grants): Application {
  const githubId = idOf(objectOf(payload.sender)?.id);
  return async (manager) => {
    if (event === 'github_app_authorization' && githubId) await grants.endProofs(manager, githubId);
  };
}

/** For a payload that the database cannot hold. @returns `null`: it names no installation of this App */
export function markAloneOf(payload: GithubJson, appId: string): Application | null {
  const id = installationIdOf(payload, appId);
  if (id === null) return null;
  return async (manager) => {
    const { deletedAt } = await lockInstallation(manager, id);
    if (!deletedAt) await markDirty(manager, id, { appId });
  };
}

function installationIdOf(payload: GithubJson, appId: string): string | null {
  const json = objectOf(payload.installation);
  const isOther = (idOf(json?.app_id) ?? appId) !== appId;
  return isOther ? null : idOf(json?.id);
}

/** Names come from outside, and may be those of `Object.prototype`. */
function ownOf<Value>(table: Record<string, Value> | undefined, name: string): Value | undefined {
  return table && Object.hasOwn(table, name) ? table[name] : undefined;
}
