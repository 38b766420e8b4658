import type { InstallationFact } from '../installations/installation-fact.entity.js';
import type { RepositoryFact } from '../repositories/repository-fact.entity.js';

/** JSON of GitHub, from its API or a payload: any part may be missing, null, or of another type than documented. */
export type GithubJson = Readonly<Record<string, unknown>>;

/** The columns of an installation that GitHub's JSON fills. */
export type InstallationFacts = Pick<
  InstallationFact,
  | 'id'
  | 'appId'
  | 'appSlug'
  | 'accountId'
  | 'accountLogin'
  | 'accountType'
  | 'accountAvatarUrl'
  | 'accountUrl'
  | 'htmlUrl'
  | 'repositorySelection'
  | 'permissions'
  | 'events'
  | 'createdAt'
  | 'updatedAt'
  | 'suspendedAt'
>;

/** Characters, far more than GitHub allows; an index of PostgreSQL holds no text of any length. */
const LONGEST_NAME = 500;

export type RepositoryFacts = Omit<RepositoryFact, 'installation' | 'installationId'>;

/** @returns `null`: it has no id */
export function installationFactsOf(json: GithubJson): InstallationFacts | null {
  const id = idOf(json.id);
  if (id === null) return null;
  return {
    id,
    appId: idOf(json.app_id),
    appSlug: textOf(json.app_slug),
    ...accountFactsOf(objectOf(json.account), textOf(json.target_type)),
    htmlUrl: textOf(json.html_url),
    repositorySelection: textOf(json.repository_selection),
    permissions: permissionsOf(json.permissions),
    events: Array.isArray(json.events) ? json.events.filter(isPlainName) : null,
    createdAt: timeOf(json.created_at),
    updatedAt: timeOf(json.updated_at),
    suspendedAt: timeOf(json.suspended_at),
  };
}

/** An enterprise has a slug instead of a login, and no type. */
export function accountFactsOf(account: GithubJson | null, targetType: string | null = null) {
  return {
    accountId: idOf(account?.id),
    accountLogin: textOf(account?.login) ?? textOf(account?.slug),
    accountType: account && (textOf(account.type) ?? targetType),
    accountAvatarUrl: textOf(account?.avatar_url),
    accountUrl: textOf(account?.html_url),
  };
}

/** @returns `null`: it lacks what a row needs; the payloads of some events have only id, name and privacy */
export function repositoryFactsOf(json: GithubJson): RepositoryFacts | null {
  const id = idOf(json.id);
  const [owner, name] = (textOf(json.full_name) ?? '').split('/');
  if (id === null || !owner || !name || typeof json.private !== 'boolean') return null;
  if (name.length > LONGEST_NAME) return null;
  return {
    id,
    owner,
    name,
    nodeId: textOf(json.node_id),
    description: textOf(json.description),
    isPrivate: json.private,
    isFork: booleanOf(json.fork),
    isTemplate: booleanOf(json.is_template),
    isArchived: booleanOf(json.archived),
    isDisabled: booleanOf(json.disabled),
    visibility: textOf(json.visibility) ?? (json.private ? null : 'public'),
    defaultBranch: textOf(json.default_branch),
    language: textOf(json.language),
    license: textOf(objectOf(json.license)?.spdx_id),
    size:
      Number.isInteger(json.size) && Math.abs(json.size as number) < 2 ** 31
        ? (json.size as number)
        : null,
    homepageUrl: textOf(json.homepage),
    htmlUrl: textOf(json.html_url),
    updatedAt: timeOf(json.updated_at),
    pushedAt: timeOf(json.pushed_at),
  };
}

/** JSON of PostgreSQL holds no NUL and no lone surrogate either, nor does a permission. */
function permissionsOf(value: unknown): Record<string, string> | null {
  const permissions = Object.entries(objectOf(value) ?? {}).filter(
    (entry): entry is [string, string] => entry.every(isPlainName),
  );
  return objectOf(value) && Object.fromEntries(permissions);
}

/** Of a permission, its level, or an event. */
function isPlainName(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z]\w*$/i.test(value);
}

/** Digits, as ids pass 2^31; `null`: no id that a bigint holds exactly. */
export function idOf(value: unknown): string | null {
  const isExact = Number.isSafeInteger(value) || typeof value === 'bigint';
  if (!isExact || (value as number | bigint) <= 0) return null;
  return BigInt.asIntN(64, BigInt(value as number | bigint)) === BigInt(value as number | bigint)
    ? String(value)
    : null;
}

export function objectOf(value: unknown): GithubJson | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as GithubJson)
    : null;
}

export function objectsOf(value: unknown): GithubJson[] {
  return Array.isArray(value) ? value.map(objectOf).filter((item) => item !== null) : [];
}

/** Empty texts are none; PostgreSQL holds no NUL, and UTF-8 no lone surrogate. */
export function textOf(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  return value.toWellFormed().replaceAll('\0', '') || null;
}

function booleanOf(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

/** GitHub writes ISO 8601, or seconds since 1970. */
export function timeOf(value: unknown): Date | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const time = new Date(typeof value === 'number' ? value * 1000 : value);
  // PostgreSQL holds more, and JavaScript's text of other years has a sign.
  const year = time.getUTCFullYear();
  return year >= 1 && year <= 9999 ? time : null;
}
