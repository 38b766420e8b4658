import type { EntityManager } from 'typeorm';

/** A user and an installation. */
export interface Pair {
  userId: string;
  installationId: string;
}

/** The parameters of `unnest`. */
export function columnsOf(pairs: readonly Pair[]): [users: string[], installations: string[]] {
  return [pairs.map(({ userId }) => userId), pairs.map(({ installationId }) => installationId)];
}

/** @param changes SQL of what is set of the links `l` */
export async function updateLinks(
  manager: EntityManager,
  pairs: readonly Pair[],
  changes: string,
): Promise<void> {
  if (pairs.length === 0) return;
  await manager.query(
    `UPDATE github_link l SET ${changes} FROM unnest($1::text[], $2::bigint[]) AS p (user_id, installation_id)
    WHERE l.user_id = p.user_id AND l.installation_id = p.installation_id`,
    columnsOf(pairs),
  );
}
