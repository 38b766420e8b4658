import type { EntityManager } from 'typeorm';
import { conditionOf, idsOf, type Scope } from './scope.js';

/**
 * SQL of the grants that follow from what GitHub has said and from who is who. Without the permission to list members,
 * nobody is taken for a former member, and a membership lasts as long as a proof would.
 *
 * `$1`: the ids of the scope. `$2`: days of a proof.
 */
function derivedSql(scope: Scope): string {
  const ofScope = conditionOf(scope, { user: 'i.user_id', installation: 'f.id' });
  return `
    SELECT i.user_id, f.id AS installation_id, 'personal_account' AS kind,
      greatest(i.bound_at, f.created_at) AS proved_at, NULL::timestamptz AS expires_at
    FROM github_fact_installation f JOIN github_identity i ON i.github_id = f.account_id
    WHERE f.account_type = 'User' AND f.deleted_at IS NULL AND ${ofScope}
    UNION ALL
    SELECT i.user_id, f.id, 'signed_sender', s.seen_at, s.seen_at + $2::integer * interval '1 day'
    FROM github_fact_installation f JOIN github_sender s ON s.installation_id = f.id
    JOIN github_identity i ON i.github_id = s.github_id
    WHERE f.deleted_at IS NULL AND ${ofScope}
    UNION ALL
    SELECT i.user_id, f.id, 'membership', m.seen_at,
      CASE WHEN f.permissions->>'members' IS NULL
        THEN coalesce(l.listed_at, m.seen_at) + $2::integer * interval '1 day' END
    FROM github_fact_installation f JOIN github_member m ON m.account_id = f.account_id AND m.removed_at IS NULL
    JOIN github_identity i ON i.github_id = m.github_id
    LEFT JOIN github_member_list l ON l.account_id = f.account_id
    WHERE f.account_type = 'Organization' AND f.deleted_at IS NULL AND ${ofScope}`;
}

/** Makes the grants of a scope what they follow from: an uninstalled installation has none, not even of a proof. */
export async function deriveGrants(
  manager: EntityManager,
  scope: Scope,
  proofDays: number,
): Promise<void> {
  const ofScope = conditionOf(scope, { user: 'g.user_id', installation: 'g.installation_id' });
  await manager.query(
    `WITH derived AS (${derivedSql(scope)}), written AS (
      INSERT INTO github_grant AS g (user_id, installation_id, kind, proved_at, expires_at)
      SELECT * FROM derived
      ON CONFLICT (user_id, installation_id, kind) DO UPDATE
        SET proved_at = excluded.proved_at, expires_at = excluded.expires_at
        WHERE (g.proved_at, g.expires_at) IS DISTINCT FROM (excluded.proved_at, excluded.expires_at)
    )
    DELETE FROM github_grant g WHERE ${ofScope} AND g.kind <> 'own_proof' AND NOT EXISTS (
      SELECT FROM derived d
      WHERE d.user_id = g.user_id AND d.installation_id = g.installation_id AND d.kind = g.kind)`,
    [idsOf(scope), proofDays],
  );
  await manager.query(
    `DELETE FROM github_grant g USING github_fact_installation f
    WHERE ${ofScope} AND f.id = g.installation_id AND f.deleted_at IS NOT NULL`,
    [idsOf(scope)],
  );
}
