import type { EntityManager } from 'typeorm';
import { isPassing } from '../database/availability.js';
import { messageOf } from '../errors.js';
import { columnsOf, type Pair, updateLinks } from './pairs.js';
import { holds, type RowTable, readRowTable, typeOf } from './row-table.js';

/** @returns those of these ids that are there */
export async function existingRows(
  manager: EntityManager,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const rows: { id: string }[] = await manager.query(
    'SELECT id::text AS id FROM github_app_installation WHERE id = ANY($1::bigint[])',
    [ids],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Of a pair, in what `findRows` returns. */
export const keyOf = ({ userId, installationId }: Pair) => `${installationId} ${userId}`;

/** @returns the ids of the rows of each pair, whoever inserted them */
export async function findRows(
  manager: EntityManager,
  pairs: readonly Pair[],
): Promise<ReadonlyMap<string, string[]>> {
  const found = new Map<string, string[]>();
  if (pairs.length === 0) return found;
  const table = await readRowTable(manager);
  const held = pairs.filter((pair) => obstacleOf(table, pair) === null);
  const rows: { key: string; id: string }[] = await manager.query(
    `SELECT r.github_installation_id::text || ' ' || r.neptun_user_id::text AS key, r.id::text AS id
    FROM unnest($1::text[], $2::text[]) AS p (user_id, installation_id)
    JOIN github_app_installation r ON r.neptun_user_id = p.user_id::${typeOf(table, 'neptun_user_id')}
      AND r.github_installation_id = p.installation_id::${typeOf(table, 'github_installation_id')}`,
    columnsOf(held),
  );
  for (const { key, id } of rows) found.set(key, [...(found.get(key) ?? []), id]);
  return found;
}

/** Columns that the table may have, and must be given there: filled by what GitHub says. */
const FACTS: Record<string, string> = {
  github_account_id: 'account_id',
  github_account_name: 'account_login',
  github_account_type: 'account_type',
  github_account_avatar_url: 'account_avatar_url',
};

const UNIQUE_OBSTACLE = 'another row has a value that is unique in github_app_installation';

/** Inserts a row for each pair; where one cannot be inserted, its link says why. */
export async function insertRows(manager: EntityManager, pairs: readonly Pair[]): Promise<void> {
  if (pairs.length === 0) return;
  const table = await readRowTable(manager);
  const insertable: Pair[] = [];
  for (const pair of pairs) {
    const obstacle = obstacleOf(table, pair);
    if (obstacle === null) insertable.push(pair);
    else await storeObstacle(manager, pair, obstacle);
  }
  await insertHalves(manager, table, insertable);
}

/** All at once; where that fails, the halves, down to the pairs that it fails for. */
async function insertHalves(
  manager: EntityManager,
  table: RowTable,
  pairs: readonly Pair[],
): Promise<void> {
  if (pairs.length === 0) return;
  try {
    // A savepoint.
    await manager.transaction((inner) => insert(inner, table, pairs));
  } catch (error) {
    if (isPassing(error)) throw error;
    const [pair] = pairs;
    if (pairs.length === 1 && pair) return storeObstacle(manager, pair, messageOf(error));
    const half = Math.ceil(pairs.length / 2);
    await insertHalves(manager, table, pairs.slice(0, half));
    await insertHalves(manager, table, pairs.slice(half));
  }
}

async function insert(
  manager: EntityManager,
  table: RowTable,
  pairs: readonly Pair[],
): Promise<void> {
  const given = Object.keys(FACTS).filter((name) => table.types.has(name));
  const values = given.map((name) => {
    const type = typeOf(table, name);
    // An account beyond 2^31, where the column may be null.
    return type === 'integer'
      ? `CASE WHEN f.${FACTS[name]} < 2147483648 THEN f.${FACTS[name]}::integer END`
      : `f.${FACTS[name]}::${type}`;
  });
  const rows: (Pair & { rowId: string })[] = await manager.query(
    `INSERT INTO github_app_installation (${['neptun_user_id', 'github_installation_id', ...given].join(', ')})
    SELECT ${[`p.user_id::${typeOf(table, 'neptun_user_id')}`, `p.installation_id::${typeOf(table, 'github_installation_id')}`, ...values].join(', ')}
    FROM unnest($1::text[], $2::bigint[]) AS p (user_id, installation_id)
    LEFT JOIN github_fact_installation f ON f.id = p.installation_id
    ORDER BY p.user_id, p.installation_id
    ON CONFLICT DO NOTHING
    RETURNING id::text AS "rowId", neptun_user_id::text AS "userId", github_installation_id::text AS "installationId"`,
    columnsOf(pairs),
  );
  await manager.query(
    `UPDATE github_link l SET row_id = p.row_id, hidden_at = NULL, obstacle = NULL
    FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS p (user_id, installation_id, row_id)
    WHERE l.user_id = p.user_id AND l.installation_id = p.installation_id`,
    [...columnsOf(rows), rows.map(({ rowId }) => rowId)],
  );
  const inserted = new Set(rows.map(keyOf));
  const conflicting = pairs.filter((pair) => !inserted.has(keyOf(pair)));
  // A row of another program that was inserted meanwhile is foreign; any other has what must be unique.
  const foreign = await findRows(manager, conflicting);
  for (const pair of conflicting.filter((pair) => !foreign.has(keyOf(pair))))
    await storeObstacle(manager, pair, UNIQUE_OBSTACLE);
}

function obstacleOf(table: RowTable, { userId, installationId }: Pair): string | null {
  const columns = { neptun_user_id: userId, github_installation_id: installationId };
  const [column] = Object.entries(columns).find(([name, id]) => !holds(table, name, id)) ?? [];
  return column
    ? `github_app_installation.${column} is ${typeOf(table, column)}, which cannot hold it`
    : null;
}

async function storeObstacle(
  manager: EntityManager,
  { userId, installationId }: Pair,
  obstacle: string,
): Promise<void> {
  await manager.query(
    'UPDATE github_link SET obstacle = $3 WHERE user_id = $1 AND installation_id = $2',
    [userId, installationId, obstacle],
  );
}

/** Of our own rows whose evidence has ended: hides those that tables of other programs refer to, deletes the others. */
export async function hideOrDelete(
  manager: EntityManager,
  links: readonly (Pair & { rowId: string | null })[],
): Promise<void> {
  if (links.length === 0) return;
  const { referring } = await readRowTable(manager);
  const ids = links.flatMap(({ rowId }) => rowId ?? []);
  const referred = new Set<string>();
  for (const { table, column } of referring) {
    const rows: { id: string }[] = await manager.query(
      `SELECT DISTINCT ${column}::text AS id FROM ${table} WHERE ${column} = ANY($1::bigint[])`,
      [ids],
    );
    for (const { id } of rows) referred.add(id);
  }
  const isReferred = ({ rowId }: { rowId: string | null }) => rowId !== null && referred.has(rowId);
  await updateLinks(manager, links.filter(isReferred), 'hidden_at = now()');
  const others = links.filter((link) => !isReferred(link));
  await updateLinks(manager, others, 'row_id = NULL, hidden_at = NULL');
  await manager.query('DELETE FROM github_app_installation WHERE id = ANY($1::bigint[])', [
    others.map(({ rowId }) => rowId),
  ]);
}

/** All rows of installations that are uninstalled, foreign ones too; where that is refused, their tombstone hides them. */
export async function deleteRows(
  manager: EntityManager,
  installations: readonly string[],
): Promise<void> {
  if (installations.length === 0) return;
  const table = await readRowTable(manager);
  const held = installations.filter((id) => holds(table, 'github_installation_id', id));
  await manager
    .transaction((inner) =>
      inner.query(
        `DELETE FROM github_app_installation
        WHERE github_installation_id = ANY($1::${typeOf(table, 'github_installation_id')}[])`,
        [held],
      ),
    )
    .catch((error) => {
      if (isPassing(error)) throw error;
    });
}
