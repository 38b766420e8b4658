import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Ctx, FieldResolver, Info, Resolver, Root } from 'type-graphql';
import type { Context } from '../session/context.js';
import { found, type PermittedUser } from '../users/access.js';
import { User } from '../users/user.type.js';
import { GithubAccount, GithubAccountType } from './github-account.type.js';
import { GithubAppInstallation } from './github-app-installation.type.js';
import type { InstallationReader, InstallationRow } from './installation.reader.js';
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
    const lowerLogin = login?.toLowerCase();
    return rows.filter(
      (row) =>
        (lowerLogin === undefined || row.githubAccountName?.toLowerCase() === lowerLogin) &&
        (!type || accountTypeOf(row) === type),
    );
  }
}

@Resolver(() => GithubAppInstallation)
class InstallationResolver {
  @FieldResolver(() => GithubAccount, {
    nullable: true,
    description: 'The account that has installed the App; null where nothing is known of it.',
  })
  account(@Root() row: InstallationRow): GithubAccount | null {
    const account = {
      githubAccountId: row.githubAccountId,
      login: row.githubAccountName,
      type: accountTypeOf(row),
      avatarUrl: row.githubAccountAvatarUrl,
    };
    return Object.values(account).every((value) => value === null) ? null : account;
  }

  @FieldResolver(() => String, {
    nullable: true,
    description:
      'GitHub’s page of its settings, for a user or an organization; null where the account is unknown.',
  })
  settingsUrl(@Root() row: InstallationRow): string | null {
    const page = `settings/installations/${row.githubInstallationId}`;
    const type = accountTypeOf(row);
    if (type === GithubAccountType.USER) return `https://github.com/${page}`;
    if (type !== GithubAccountType.ORGANIZATION || !row.githubAccountName) return null;
    return `https://github.com/organizations/${encodeURIComponent(row.githubAccountName)}/${page}`;
  }
}

/** GitHub writes `User`, `Organization` and `Enterprise`; programs that store it may write it otherwise. */
function accountTypeOf({ githubAccountType }: InstallationRow): GithubAccountType | null {
  const name = githubAccountType?.toUpperCase() ?? '';
  return Object.hasOwn(GithubAccountType, name)
    ? GithubAccountType[name as GithubAccountType]
    : null;
}
