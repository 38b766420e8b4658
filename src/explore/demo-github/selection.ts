import { accountJson, installationJson, repositoryReference, SENDER } from './json.js';
import type { Installation, Repository } from './model.js';
import type { World } from './world.js';

/** Tells the Apps of these installations which repositories they reach now, or no longer. */
export function tellOfSelection(
  { deliveries }: World,
  installations: readonly Installation[],
  action: 'added' | 'removed',
  repositories: readonly Repository[],
): void {
  if (repositories.length === 0) return;
  const references = repositories.map(repositoryReference);
  deliveries.emit('installation_repositories', installations, (installation) => ({
    action,
    installation: installationJson(installation),
    repository_selection: installation.selected ? 'selected' : 'all',
    repositories_added: action === 'added' ? references : [],
    repositories_removed: action === 'removed' ? references : [],
    requester: null,
    sender: accountJson(SENDER),
  }));
}
