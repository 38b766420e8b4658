import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { memberOf } from '../enums.js';
import type { EvidenceKind } from '../grants/grant.entity.js';
import { GithubAccountType } from '../installations/github-account.type.js';
import { GithubAppInstallation } from '../installations/github-app-installation.type.js';
import type { InstallationRow } from '../installations/installation.reader.js';
import type { Context } from '../session/context.js';
import type { PermittedUser } from '../users/access.js';
import { User } from '../users/user.type.js';
import { type EvidenceReader, type GrantRow, isLive, type RequestRow } from './evidence.reader.js';
import {
  GithubInstallationRequest,
  GithubUser,
  InstallationEvidence,
  InstallationEvidenceKind,
} from './evidence.type.js';

const KINDS: Record<EvidenceKind, InstallationEvidenceKind> = {
  personal_account: InstallationEvidenceKind.PERSONAL_ACCOUNT,
  own_proof: InstallationEvidenceKind.OWN_PROOF,
  signed_sender: InstallationEvidenceKind.SIGNED_SENDER,
  membership: InstallationEvidenceKind.MEMBERSHIP,
};
/** Milliseconds before the end of the last evidence, in which the user is asked to connect again. */
const NOTICE = 7 * 86_400_000;
/** Of a short proof, the last part of its time. */
const NOTICE_SHARE = 1 / 3;

export function evidenceResolvers(evidence: EvidenceReader): object[] {
  return [new UserEvidenceResolver(evidence), new InstallationEvidenceResolver(evidence)];
}

@Resolver(() => User)
class UserEvidenceResolver {
  readonly #evidence: EvidenceReader;

  constructor(evidence: EvidenceReader) {
    this.#evidence = evidence;
  }

  @FieldResolver(() => GithubUser, {
    nullable: true,
    description: 'The user’s account at GitHub; null where none has been seen yet.',
  })
  async githubAccount(
    @Root() user: PermittedUser,
    @Ctx() context: Context,
  ): Promise<GithubUser | null> {
    return (await this.#evidence.ofUser(user, context)).account;
  }

  @FieldResolver(() => [GithubInstallationRequest], {
    description: 'What the user has asked owners for, the oldest first, until they answer.',
  })
  async installationRequests(
    @Root() user: PermittedUser,
    @Ctx() context: Context,
  ): Promise<GithubInstallationRequest[]> {
    return (await this.#evidence.ofUser(user, context)).requests.map(requestOf);
  }

  @FieldResolver(() => Boolean, {
    description:
      'Whether an installation is not in the list any more, or soon will not be, unless the user connects again.',
  })
  async needsReconnect(@Root() user: PermittedUser, @Ctx() context: Context): Promise<boolean> {
    const { grants } = await this.#evidence.ofUser(user, context);
    const byInstallation = new Map<string, GrantRow[]>();
    for (const grant of grants.filter(({ isMoot }) => !isMoot)) {
      const others = byInstallation.get(grant.installationId) ?? [];
      byInstallation.set(grant.installationId, [...others, grant]);
    }
    return [...byInstallation.values()].some(endsSoon);
  }
}

@Resolver(() => GithubAppInstallation)
class InstallationEvidenceResolver {
  readonly #evidence: EvidenceReader;

  constructor(evidence: EvidenceReader) {
    this.#evidence = evidence;
  }

  @FieldResolver(() => [InstallationEvidence], {
    description:
      'Why it is in the list; empty where another program has put it there, and nothing else is known.',
  })
  async evidence(
    @Root() row: InstallationRow,
    @Ctx() context: Context,
  ): Promise<InstallationEvidence[]> {
    const grants = await this.#evidence.ofInstallation(row, context);
    return grants.map(({ kind, provedAt, expiresAt }) => ({
      kind: KINDS[kind],
      provedAt: isoOf(provedAt),
      expiresAt: expiresAt === null ? null : isoOf(expiresAt),
    }));
  }

  @FieldResolver(() => Boolean, {
    description: 'Whether its evidence ends soon: the user should connect again.',
  })
  async needsReconnect(@Root() row: InstallationRow, @Ctx() context: Context): Promise<boolean> {
    return endsSoon(await this.#evidence.ofInstallation(row, context));
  }
}

/** Whether all evidence of an installation has ended, or is about to. */
function endsSoon(grants: readonly GrantRow[]): boolean {
  const live = grants.filter(isLive);
  return (
    grants.length > 0 &&
    live.every(({ provedAt, expiresAt }) => {
      if (expiresAt === null) return false;
      const notice = Math.min(NOTICE, (expiresAt - provedAt) * NOTICE_SHARE);
      return expiresAt - Date.now() <= notice;
    })
  );
}

function requestOf(request: RequestRow): GithubInstallationRequest {
  return {
    account: {
      githubAccountId: request.accountId,
      login: request.accountLogin,
      type: memberOf(GithubAccountType, request.accountType),
      avatarUrl: request.accountAvatarUrl,
      url: request.accountUrl,
    },
    requestedAt: isoOf(request.requestedAt),
  };
}

const isoOf = (milliseconds: number) => new Date(milliseconds).toISOString();
