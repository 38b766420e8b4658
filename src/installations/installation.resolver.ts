import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Ctx, FieldResolver, Info, Resolver, Root } from 'type-graphql';
import { DateTime } from '../date-time.js';
import { memberOf } from '../enums.js';
import { limitRows } from '../row-limit.js';
import type { Context } from '../session/context.js';
import { MANY_ROWS, ownTurn } from '../turns.js';
import { found, type PermittedUser } from '../users/access.js';
import { User } from '../users/user.type.js';
import { GithubAccount, GithubAccountType } from './github-account.type.js';
import {
  GithubAppInstallation,
  GithubInstallationStatus,
  GithubPermission,
  GithubRepositorySelection,
} from './github-app-installation.type.js';
import type { InstallationReader, InstallationRow } from './installation.reader.js';
import { isKnown } from './known.js';
import { permissionsOf } from './permissions.js';
import { columnsOf } from './selected-installations.js';

export function installationResolvers(installations: InstallationReader): object[] {
  return [new UserInstallationsResolver(installations), new InstallationResolver()];
}

@Resolver(() => User)
class UserInstallationsResolver {
  readonly #installations: InstallationReader;

  constructor(installations: InstallationReader) {
    this.#installations = installations;
  }

  @FieldResolver(() => [GithubAppInstallation], {
    description:
      'The user’s GitHub App installations, ordered by `id`; empty when there are none. Each argument that is given ' +
      'and not null leaves out those of other accounts.',
  })
  async installations(
    @Root() user: PermittedUser,
    @Ctx() context: Context,
    @Info() info: GraphQLResolveInfo,
    @Arg('accountLogin', () => String, {
      nullable: true,
      description: 'Only those of the account with this login, in upper or lower case.',
    })
    login?: string | null,
    @Arg('accountType', () => GithubAccountType, {
      nullable: true,
      description: 'Only those of accounts of this kind.',
    })
    type?: GithubAccountType | null,
  ): Promise<readonly InstallationRow[]> {
    const rows = found(await this.#installations.read(user, context, columnsOf(info) ?? 'all'));
    if (rows.length > MANY_ROWS) await ownTurn();
    const lowerLogin = login?.toLowerCase();
    const kept = rows.filter((row) => {
      if (lowerLogin === undefined && !type) return true;
      const account = accountOf(row);
      return (
        (lowerLogin === undefined || account?.login?.toLowerCase() === lowerLogin) &&
        (!type || account?.type === type)
      );
    });
    limitRows(kept.length, info);
    return kept;
  }
}

@Resolver(() => GithubAppInstallation)
class InstallationResolver {
  @FieldResolver(() => GithubAccount, {
    nullable: true,
    description: 'The account that has installed the App; null where nothing is known of it.',
  })
  account(@Root() row: InstallationRow): GithubAccount | null {
    return accountOf(row);
  }

  @FieldResolver(() => String, {
    nullable: true,
    description: 'GitHub’s page of its settings; null where neither it nor the account is known.',
  })
  settingsUrl(@Root() row: InstallationRow): string | null {
    if (row.facts?.htmlUrl) return row.facts.htmlUrl;
    const page = `settings/installations/${row.githubInstallationId}`;
    const { login, type } = accountOf(row) ?? {};
    if (type === GithubAccountType.USER) return `https://github.com/${page}`;
    if (type !== GithubAccountType.ORGANIZATION || !login) return null;
    return `https://github.com/organizations/${encodeURIComponent(login)}/${page}`;
  }

  @FieldResolver(() => GithubRepositorySelection, {
    nullable: true,
    description: 'Which repositories of its account it reaches; null where unknown.',
  })
  repositorySelection(@Root() { facts }: InstallationRow): GithubRepositorySelection | null {
    return memberOf(GithubRepositorySelection, facts?.repositorySelection);
  }

  @FieldResolver(() => [GithubPermission], {
    nullable: true,
    description: 'What the App may do there, ordered by name; null where unknown.',
  })
  permissions(@Root() { facts }: InstallationRow): GithubPermission[] | null {
    return facts?.permissions ? permissionsOf(facts.permissions) : null;
  }

  @FieldResolver(() => DateTime, {
    nullable: true,
    description: 'Since when the App cannot act for it; null where it can, or this is unknown.',
  })
  suspendedAt(@Root() { facts }: InstallationRow): string | null {
    return facts?.suspendedAt ?? null;
  }

  @FieldResolver(() => GithubInstallationStatus, { description: 'Whether the App can act for it.' })
  status(@Root() { facts }: InstallationRow): GithubInstallationStatus {
    if (!isKnown(facts)) return GithubInstallationStatus.UNKNOWN;
    return facts?.suspendedAt
      ? GithubInstallationStatus.SUSPENDED
      : GithubInstallationStatus.ACTIVE;
  }
}

/** By what GitHub says, else by the row’s own columns: as a whole, as the two may be of different times. */
function accountOf(row: InstallationRow): GithubAccount | null {
  const { facts } = row;
  const account =
    facts?.accountId || facts?.accountLogin
      ? {
          githubAccountId: facts.accountId,
          login: facts.accountLogin,
          type: memberOf(GithubAccountType, facts.accountType),
          avatarUrl: facts.accountAvatarUrl,
          url: facts.accountUrl,
        }
      : {
          githubAccountId: row.githubAccountId,
          login: row.githubAccountName,
          type: memberOf(GithubAccountType, row.githubAccountType),
          avatarUrl: row.githubAccountAvatarUrl,
          url: null,
        };
  return Object.values(account).every((value) => value === null) ? null : account;
}
