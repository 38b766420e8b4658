import { FieldResolver, Query, Resolver, Root } from 'type-graphql';
import { GithubAppInstallation } from '../installations/github-app-installation.type.js';
import type { InstallationRow } from '../installations/installation.reader.js';
import { permissionsOf } from '../installations/permissions.js';
import { GithubApp, PendingPermissions } from './github-app.type.js';

/** What is known of the App of this server. */
interface KnownApp extends GithubApp {
  /** The level of each permission that it asks for; `null`: not known. */
  permissions: Readonly<Record<string, string>> | null;
}

/** `null`: there is none, or nothing is known of it yet. */
export type AppNow = () => KnownApp | null;

export function appResolvers(appNow: AppNow): object[] {
  return [new GithubAppResolver(appNow), new PendingPermissionsResolver(appNow)];
}

@Resolver()
class GithubAppResolver {
  readonly #appNow: AppNow;

  constructor(appNow: AppNow) {
    this.#appNow = appNow;
  }

  @Query(() => GithubApp, {
    nullable: true,
    description: 'The GitHub App of this server; null where there is none, or it is not known yet.',
  })
  githubApp(): GithubApp | null {
    return this.#appNow();
  }
}

/** From the least to the most. */
const LEVELS: readonly (string | undefined)[] = [undefined, 'read', 'write', 'admin'];

@Resolver(() => GithubAppInstallation)
class PendingPermissionsResolver {
  readonly #appNow: AppNow;

  constructor(appNow: AppNow) {
    this.#appNow = appNow;
  }

  @FieldResolver(() => PendingPermissions, {
    nullable: true,
    description:
      'What the App asks for beyond its `permissions`; null: nothing, or this is unknown.',
  })
  pendingPermissions(@Root() { facts }: InstallationRow): PendingPermissions | null {
    const asked = this.#appNow()?.permissions;
    const granted = facts?.permissions;
    if (!asked || !granted) return null;
    const permissions = permissionsOf(asked).filter(
      ({ name, level }) => LEVELS.indexOf(level) > LEVELS.indexOf(granted[name]),
    );
    if (permissions.length === 0) return null;
    return { permissions, url: facts.htmlUrl && `${facts.htmlUrl}/permissions/update` };
  }
}
