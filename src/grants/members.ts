import type { EntityManager } from 'typeorm';
import type { GithubMember } from './member.entity.js';

/** Of whom, in which organization. */
export type Membership = Pick<GithubMember, 'accountId' | 'githubId'>;

/** GitHub is to be asked for the members of an organization. */
export async function markMembersDue(manager: EntityManager, accountId: string): Promise<void> {
  await outdateMembers(manager, accountId, 'now()');
}

/** Outdates a list that is being asked for. @param dueAt SQL of when it is asked for; default: as before */
export async function outdateMembers(
  manager: EntityManager,
  accountId: string,
  dueAt = 'NULL',
): Promise<void> {
  await manager.query(
    `INSERT INTO github_member_list AS l (account_id, due_at, version) VALUES ($1, ${dueAt}, 1)
    ON CONFLICT (account_id) DO UPDATE SET version = l.version + 1, due_at = coalesce(excluded.due_at, l.due_at)`,
    [accountId],
  );
}
