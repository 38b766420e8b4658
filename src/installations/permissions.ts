import type { GithubPermission } from './github-app-installation.type.js';

/** @param levels by the names of permissions. @returns ordered by name */
export function permissionsOf(levels: Readonly<Record<string, string>>): GithubPermission[] {
  return Object.entries(levels)
    .map(([name, level]) => ({ name, level }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}
