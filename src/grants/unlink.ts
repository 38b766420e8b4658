import type { EntityManager } from 'typeorm';
import { findRows } from './installation-rows.js';
import type { Pair } from './pairs.js';
import { hasGrants, holds, type RowTable, readRowTable, typeOf } from './row-table.js';

/** A row of the user, locked; not one that is hidden. */
const selectRow = (table: RowTable, isKept: boolean) => `
  SELECT r.github_installation_id::text AS "installationId" FROM github_app_installation r
  WHERE r.id = $1::${typeOf(table, 'id')} AND r.neptun_user_id = $2::${typeOf(table, 'neptun_user_id')}${
    isKept
      ? `
    AND NOT EXISTS (SELECT FROM github_link h WHERE h.row_id = r.id AND h.hidden_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM github_fact_installation f WHERE f.id::text = r.github_installation_id::text
      AND (f.deleted_at IS NOT NULL OR f.missing_since IS NOT NULL))`
      : ''
  } FOR UPDATE OF r`;

const DECLINE = `
  INSERT INTO github_link (user_id, installation_id, declined_at) VALUES ($1, $2, now())
  ON CONFLICT (user_id, installation_id) DO UPDATE SET declined_at = now(), row_id = NULL, hidden_at = NULL`;

/**
 * Removes an installation from the list of a user, whoever has put it there, with what other tables say of the row. No
 * evidence brings it back until the user asks for it. It stays installed at GitHub.
 *
 * @returns GitHub's id of the installation; `null`: the user has no such row
 */
export async function unlink(
  manager: EntityManager,
  userId: string,
  rowId: string,
): Promise<string | null> {
  const table = await readRowTable(manager);
  if (!holds(table, 'id', rowId) || !holds(table, 'neptun_user_id', userId)) return null;
  const isKept = await hasGrants(manager);
  const [row]: Pair[] = await manager.query(selectRow(table, isKept), [rowId, userId]);
  if (!row) return null;
  const { installationId } = row;
  if (isKept && /^[1-9]\d{0,17}$/.test(installationId))
    await manager.query(DECLINE, [userId, installationId]);
  const found = await findRows(manager, [{ userId, installationId }]);
  const ids = [...found.values()].flat();
  for (const { table: referring, column } of table.referring)
    await manager.query(`DELETE FROM ${referring} WHERE ${column} = ANY($1::bigint[])`, [ids]);
  await manager.query('DELETE FROM github_app_installation WHERE id = ANY($1::bigint[])', [ids]);
  return installationId;
}
