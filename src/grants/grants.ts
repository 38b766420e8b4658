import type { EntityManager } from 'typeorm';
import { InstallationFact } from '../installations/installation-fact.entity.js';
import { GithubGrant } from './grant.entity.js';
import { bind, type GithubUser, importAccounts } from './identities.js';
import { GithubIdentity } from './identity.entity.js';
import { GithubMember } from './member.entity.js';
import { type Membership, markMembersDue, outdateMembers, writeMembers } from './members.js';
import type { Scope } from './scope.js';
import { GithubSender } from './sender.entity.js';
import { type GrantRules, settle } from './settle.js';

/** The evidence of who may see what. Each method works in the transaction of `manager`, projection included. */
export class Grants {
  readonly rules: GrantRules;

  constructor(rules: GrantRules) {
    this.rules = rules;
  }

  /** After whatever has changed of facts or evidence. */
  settle(manager: EntityManager, scope: Scope): Promise<void> {
    return settle(manager, scope, this.rules);
  }

  /** @param github the account of the user, as a session says; `null`: it does not, but the web application's table may */
  async see(manager: EntityManager, userId: string, github: GithubUser | null): Promise<void> {
    const isNew = github
      ? (await bind(manager, userId, github, 'session')).isNew
      : (await importAccounts(manager, { userId })).length > 0;
    if (isNew) await this.settle(manager, { users: [userId] });
  }

  /** An operator binds a user to an account: what rested on another one ends. */
  async rebind(manager: EntityManager, userId: string, { id, login }: GithubUser): Promise<void> {
    const known = await manager.findOneBy(GithubIdentity, { userId });
    await manager.save(GithubIdentity, { userId, githubId: id, login, source: 'operator' });
    if (known && known.githubId !== id) await manager.delete(GithubGrant, { userId });
    await this.settle(manager, { users: [userId] });
  }

  /** Accounts that a signed `installation.created` names. */
  async addSenders(
    manager: EntityManager,
    installationId: string,
    githubIds: readonly string[],
  ): Promise<void> {
    await manager
      .createQueryBuilder()
      .insert()
      .into(GithubSender)
      .values(githubIds.map((githubId) => ({ installationId, githubId })))
      .orIgnore()
      .execute();
    await importAccounts(manager, { githubIds });
  }

  /** Of all that rests on the tokens of a GitHub account, which has withdrawn its authorization. */
  async endProofs(manager: EntityManager, githubId: string): Promise<void> {
    await importAccounts(manager, { githubIds: [githubId] });
    await manager.update(GithubIdentity, { githubId }, { revokedAt: new Date() });
    // Not rounded up, as the column would, to what has yet to come.
    const ended: { userId: string }[] = await manager.query(
      `WITH ended AS (
        UPDATE github_grant g SET expires_at = date_trunc('milliseconds', now()) FROM github_identity i
        WHERE i.github_id = $1 AND g.user_id = i.user_id AND g.kind = 'own_proof' AND g.expires_at > now()
        RETURNING g.user_id)
      SELECT DISTINCT user_id AS "userId" FROM ended ORDER BY 1`,
      [githubId],
    );
    await this.settle(manager, { users: ended.map(({ userId }) => userId) });
  }

  /** A GitHub account has come to an organization. @param isAsked whether the list of its members is asked for */
  async addMember(manager: EntityManager, member: Membership, isAsked: boolean): Promise<void> {
    const { accountId } = member;
    if (isAsked) return markMembersDue(manager, accountId);
    await manager
      .createQueryBuilder()
      .insert()
      .into(GithubMember)
      .values(member)
      .orIgnore()
      .execute();
    await importAccounts(manager, { githubIds: [member.githubId] });
  }

  /**
   * A GitHub account has left an organization: nothing of what it could see there lasts.
   *
   * @param isAsked whether the list of its members is asked for
   */
  async removeMember(
    manager: EntityManager,
    { accountId, githubId }: Membership,
    isAsked: boolean,
  ): Promise<void> {
    const former = { accountId, githubId, removedAt: new Date() };
    await manager.upsert(GithubMember, former, ['accountId', 'githubId']);
    if (isAsked) await markMembersDue(manager, accountId);
    else await outdateMembers(manager, accountId);
    await this.#endMemberships(manager, accountId, [githubId], [githubId]);
  }

  /**
   * GitHub has listed all members of an organization.
   *
   * @param version of the list before GitHub was asked
   * @returns whether it was written: nobody has come or gone meanwhile
   */
  async setMembers(
    manager: EntityManager,
    accountId: string,
    githubIds: readonly string[],
    version: number,
  ): Promise<boolean> {
    const former = await writeMembers(manager, accountId, githubIds, version);
    if (former) await this.#endMemberships(manager, accountId, former, [...former, ...githubIds]);
    return former !== null;
  }

  /** @param concerned former and present members, whose users are to be known */
  async #endMemberships(
    manager: EntityManager,
    accountId: string,
    former: readonly string[],
    concerned: readonly string[],
  ): Promise<void> {
    await importAccounts(manager, { githubIds: concerned });
    const installations = await manager.find(InstallationFact, {
      select: { id: true },
      where: { accountId },
      order: { id: 'ASC' },
    });
    const ids = installations.map(({ id }) => id);
    await manager.query(
      'DELETE FROM github_sender WHERE github_id = ANY($1::bigint[]) AND installation_id = ANY($2::bigint[])',
      [former, ids],
    );
    await manager.query(
      `DELETE FROM github_grant g USING github_identity i
      WHERE i.github_id = ANY($1::bigint[]) AND g.user_id = i.user_id AND g.installation_id = ANY($2::bigint[])
        AND g.kind = 'own_proof'`,
      [former, ids],
    );
    await this.settle(manager, { installations: ids });
  }

  /** What proofs have listed is not known any more: of all users or of one, all private repositories or one. */
  async forgetRepositories(
    manager: EntityManager,
    installationId: string,
    { githubId, repositoryId }: { githubId?: string; repositoryId?: string | undefined },
  ): Promise<void> {
    if (githubId) await importAccounts(manager, { githubIds: [githubId] });
    await manager.query(
      `UPDATE github_grant g SET repository_ids = CASE WHEN $3::bigint IS NULL THEN '{}' ELSE array_remove(repository_ids, $3) END
      WHERE installation_id = $1 AND kind = 'own_proof' AND ($2::bigint IS NULL OR user_id IN (
        SELECT user_id FROM github_identity WHERE github_id = $2))`,
      [installationId, githubId ?? null, repositoryId ?? null],
    );
  }
}
