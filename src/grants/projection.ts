import type { EntityManager } from 'typeorm';
import { isServedSql } from './allowed-accounts.js';
import {
  deleteRows,
  existingRows,
  findRows,
  hideOrDelete,
  insertRows,
  keyOf,
} from './installation-rows.js';
import { columnsOf, type Pair, updateLinks } from './pairs.js';
import { conditionOf, idsOf, type Scope } from './scope.js';

/** What is so of a pair, and whether its row should be there. */
interface Link extends Pair {
  isStored: boolean;
  rowId: string | null;
  isHidden: boolean;
  obstacle: string | null;
  endsAt: Date | null;
  hasEndChanged: boolean;
  isWanted: boolean;
  isUninstalled: boolean;
}

/** `$1`: the ids of the scope. `$2`: the logins of allowed accounts; NULL: all are. */
const selectLinks = (scope: Scope) => {
  const ofScope = conditionOf(scope, { user: 'user_id', installation: 'installation_id' });
  return `
    SELECT user_id AS "userId", installation_id::text AS "installationId", l.user_id IS NOT NULL AS "isStored",
      l.row_id::text AS "rowId", l.hidden_at IS NOT NULL AS "isHidden", l.obstacle, g.ends_at AS "endsAt",
      l.ends_at IS DISTINCT FROM g.ends_at AS "hasEndChanged", f.deleted_at IS NOT NULL AS "isUninstalled",
      coalesce(g.is_live, false) AND l.declined_at IS NULL AND f.deleted_at IS NULL
        AND ${isServedSql('$2::text[]')} AS "isWanted"
    FROM (SELECT user_id, installation_id FROM github_grant WHERE ${ofScope}
      UNION SELECT user_id, installation_id FROM github_link WHERE ${ofScope}) p
    LEFT JOIN github_link l USING (user_id, installation_id)
    LEFT JOIN github_fact_installation f ON f.id = installation_id
    LEFT JOIN LATERAL (
      SELECT bool_or(expires_at IS NULL OR expires_at > now()) AS is_live,
        CASE WHEN bool_or(expires_at IS NULL) THEN NULL ELSE max(expires_at) END AS ends_at
      FROM github_grant g WHERE g.user_id = p.user_id AND g.installation_id = p.installation_id) g ON true
    ORDER BY user_id, installation_id`;
};

/** Inserts and removes rows of `github_app_installation` by the grants of a scope; foreign ones stay. */
export async function project(
  manager: EntityManager,
  scope: Scope,
  allowed: readonly string[] | null,
): Promise<void> {
  const links: Link[] = await manager.query(selectLinks(scope), [idsOf(scope), allowed]);
  const present = await existingRows(
    manager,
    links.flatMap(({ rowId }) => rowId ?? []),
  );
  const isGone = ({ rowId }: Link) => rowId !== null && !present.has(rowId);
  await decline(
    manager,
    links.filter((link) => isGone(link) && !link.isUninstalled),
  );
  const kept = links.filter((link) => !isGone(link) || link.isUninstalled);

  await hideOrDelete(
    manager,
    kept.filter(({ rowId, isWanted, isHidden }) => rowId && !isWanted && !isHidden),
  );
  await reveal(
    manager,
    kept.filter(({ isWanted, isHidden }) => isWanted && isHidden),
  );
  await storeEnds(
    manager,
    kept.filter(({ hasEndChanged, isStored }) => hasEndChanged || !isStored),
  );

  const lacking = kept.filter(({ isWanted, rowId }) => isWanted && rowId === null);
  const foreign = await findRows(manager, lacking);
  const isForeign = (pair: Pair) => foreign.has(keyOf(pair));
  await updateLinks(
    manager,
    lacking.filter((link) => link.obstacle !== null && isForeign(link)),
    'obstacle = NULL',
  );
  await insertRows(
    manager,
    lacking.filter((link) => !isForeign(link)),
  );

  if ('installations' in scope)
    await deleteRows(manager, await uninstalledOf(manager, scope.installations));
}

async function uninstalledOf(
  manager: EntityManager,
  installations: readonly string[],
): Promise<string[]> {
  const rows: { id: string }[] = await manager.query(
    `SELECT id::text AS id FROM github_fact_installation WHERE id = ANY($1::bigint[]) AND deleted_at IS NOT NULL`,
    [installations],
  );
  return rows.map(({ id }) => id);
}

/** Another program has removed a row of ours: as if its user had unlinked it. */
async function decline(manager: EntityManager, pairs: readonly Pair[]): Promise<void> {
  await updateLinks(
    manager,
    pairs,
    'declined_at = coalesce(l.declined_at, now()), row_id = NULL, hidden_at = NULL',
  );
}

async function reveal(manager: EntityManager, pairs: readonly Pair[]): Promise<void> {
  await updateLinks(manager, pairs, 'hidden_at = NULL');
}

async function storeEnds(manager: EntityManager, links: readonly Link[]): Promise<void> {
  if (links.length === 0) return;
  await manager.query(
    `INSERT INTO github_link (user_id, installation_id, ends_at)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::timestamptz[])
    ON CONFLICT (user_id, installation_id) DO UPDATE SET ends_at = excluded.ends_at`,
    [...columnsOf(links), links.map(({ endsAt }) => endsAt?.toISOString() ?? null)],
  );
}
