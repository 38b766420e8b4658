import type { EntityManager } from 'typeorm';

/** What GitHub has listed to a user. */
interface Listing {
  userId: string;
  github: { id: string };
  listed: readonly { id: string; accountId: string | null; privateIds: readonly string[] }[];
  /** Whether it is all that the user may see. */
  complete: boolean;
  /** Milliseconds since the epoch, before GitHub was asked. */
  startedAt: number;
  expiresAt: Date;
  /** The installation that is declined no more. */
  wanted: string | null;
}

/** A proof that was begun later is newer. Who has left the organization meanwhile has proved nothing. */
const UPSERT = `
  INSERT INTO github_grant AS g (user_id, installation_id, kind, proved_at, expires_at, repository_ids)
  SELECT $1, listed.id, 'own_proof', $3::timestamptz, $4::timestamptz, listed.private_ids
  FROM json_to_recordset($2::json) AS listed (id bigint, account_id bigint, private_ids bigint[])
  WHERE NOT EXISTS (
    SELECT FROM github_member m
    WHERE m.account_id = listed.account_id AND m.github_id = $5 AND m.removed_at >= $3::timestamptz)
  ON CONFLICT (user_id, installation_id, kind) DO UPDATE SET
    proved_at = excluded.proved_at, expires_at = excluded.expires_at, repository_ids = excluded.repository_ids
    WHERE g.proved_at <= excluded.proved_at`;

/** GitHub lists to a user all that the user may see: what is older and not among it has ended. */
const END_PROOFS = `
  DELETE FROM github_grant WHERE user_id = $1 AND kind = 'own_proof' AND proved_at <= $3::timestamptz
    AND NOT installation_id = ANY($2::bigint[])`;
const END_SENDERS = `
  DELETE FROM github_sender WHERE github_id = $1 AND seen_at <= $3::timestamptz AND NOT installation_id = ANY($2::bigint[])`;

/** In the transaction of `manager`, which holds the locks of the listed installations. */
export async function storeProofs(
  manager: EntityManager,
  { userId, github, listed, complete, startedAt, expiresAt, wanted }: Listing,
): Promise<void> {
  const at = new Date(startedAt).toISOString();
  const json = listed.map(({ id, accountId, privateIds }) => ({
    id,
    account_id: accountId,
    private_ids: privateIds,
  }));
  await manager.query(UPSERT, [
    userId,
    JSON.stringify(json),
    at,
    expiresAt.toISOString(),
    github.id,
  ]);
  const ids = listed.map(({ id }) => id);
  if (complete) {
    await manager.query(END_PROOFS, [userId, ids, at]);
    await manager.query(END_SENDERS, [github.id, ids, at]);
  }
  if (wanted !== null && ids.includes(wanted))
    await manager.query(
      'UPDATE github_link SET declined_at = NULL WHERE user_id = $1 AND installation_id = $2',
      [userId, wanted],
    );
}
