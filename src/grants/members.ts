import type { EntityManager } from 'typeorm';
import type { GithubMember } from './member.entity.js';

/** Of whom, in which organization. */
export type Membership = Pick<GithubMember, 'accountId' | 'githubId'>;

/** GitHub is to be asked for the members of an organization. */
export async function markMembersDue(manager: EntityManager, accountId: string): Promise<void> {
  await outdateMembers(manager, accountId, 'now()');
}

/** Seconds that a list of members is taken for right, unless an event says otherwise. */
const FRESH = 3600;

/** When a list is due that no installation can be asked for: suspended, or without the permission. */
export const LATER = 'infinity';

/** GitHub lists the members of an organization: it is asked to where that was long ago, or was not possible. */
export async function markMembersListable(
  manager: EntityManager,
  accountId: string,
): Promise<void> {
  await manager.query(
    `INSERT INTO github_member_list AS l (account_id, due_at) VALUES ($1, now())
    ON CONFLICT (account_id) DO UPDATE SET due_at = now()
      WHERE l.due_at = '${LATER}'
        OR (l.due_at IS NULL AND (l.listed_at IS NULL OR l.listed_at < now() - interval '${FRESH} seconds'))`,
    [accountId],
  );
}

/**
 * Makes the members of an organization those that GitHub has listed.
 *
 * @param version of the list before GitHub was asked
 * @returns those that are members no more; `null`: somebody has come or gone meanwhile, and nothing was written
 */
export async function writeMembers(
  manager: EntityManager,
  accountId: string,
  githubIds: readonly string[],
  version: number,
): Promise<string[] | null> {
  const [listed] = await manager.query(
    `UPDATE github_member_list SET listed_at = now(), due_at = NULL
    WHERE account_id = $1 AND version = $2 RETURNING account_id`,
    [accountId, version],
  );
  if (listed.length === 0) return null;
  const [former]: [{ githubId: string }[]] = await manager.query(
    `UPDATE github_member SET removed_at = now()
    WHERE account_id = $1 AND removed_at IS NULL AND NOT github_id = ANY($2::bigint[])
    RETURNING github_id::text AS "githubId"`,
    [accountId, githubIds],
  );
  await manager.query(
    `INSERT INTO github_member AS m (account_id, github_id) SELECT $1, unnest($2::bigint[])
    ON CONFLICT (account_id, github_id) DO UPDATE SET removed_at = NULL, seen_at = now()
      WHERE m.removed_at IS NOT NULL`,
    [accountId, githubIds],
  );
  return former.map(({ githubId }) => githubId);
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
