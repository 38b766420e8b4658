import type { EntityManager } from 'typeorm';
import { holdsId } from '../database/column-types.js';
import { GithubIdentity, type IdentitySource } from './identity.entity.js';

/** A GitHub account, by its id. */
export interface GithubUser {
  id: string;
  login: string | null;
}

/** The web application's own table of accounts, where this database has it and this role may read it. */
const OAUTH_ACCOUNTS = 'neptun_user_oauth_account';
/** Of the column of users. */
const SELECT_TYPE = `
  SELECT format_type(atttypid, NULL) AS type FROM pg_attribute
  WHERE attrelid = to_regclass('${OAUTH_ACCOUNTS}') AND attname = 'neptun_user_id' AND NOT attisdropped
    AND has_table_privilege(attrelid, 'SELECT')`;
/** Of several accounts of a user, none is chosen: the session or a proof says which. */
const importSql = (condition: string) => `
  INSERT INTO github_identity (user_id, github_id, source)
  SELECT neptun_user_id::text, min(oauth_user_id::text)::bigint, 'oauth_account' FROM ${OAUTH_ACCOUNTS}
  WHERE provider::text = 'github' AND oauth_user_id::text ~ '^[1-9][0-9]{0,17}$' AND ${condition}
  GROUP BY neptun_user_id HAVING count(DISTINCT oauth_user_id::text) = 1
  ON CONFLICT (user_id) DO NOTHING RETURNING user_id AS "userId"`;

/** Keeps which GitHub account a user has, when it is first seen. @returns what the user is bound to, from now on */
export async function bind(
  manager: EntityManager,
  userId: string,
  { id, login }: GithubUser,
  source: IdentitySource,
): Promise<Pick<GithubIdentity, 'githubId' | 'login' | 'revokedAt'> & { isNew: boolean }> {
  const { raw } = await manager
    .createQueryBuilder()
    .insert()
    .into(GithubIdentity)
    .values({ userId, githubId: id, login, source })
    .orIgnore()
    .returning('user_id')
    .execute();
  if (raw.length > 0) return { githubId: id, login, revokedAt: null, isNew: true };
  const known = await manager.findOneOrFail(GithubIdentity, {
    where: { userId },
    lock: { mode: 'pessimistic_read' },
  });
  if (known.githubId === id && login !== null && known.login !== login)
    await manager.update(GithubIdentity, userId, { login });
  return { ...known, isNew: false };
}

/** What the user is bound to; `null`: no account has been seen. */
export async function identityOf(
  manager: EntityManager,
  userId: string,
): Promise<GithubIdentity | null> {
  await importAccounts(manager, { userId });
  return manager.findOneBy(GithubIdentity, { userId });
}

/** Keeps what the web application knows: of a user, or of GitHub accounts. @returns users that are bound now */
export async function importAccounts(
  manager: EntityManager,
  of: { userId: string } | { githubIds: readonly string[] },
): Promise<string[]> {
  const [column]: { type: string }[] = await manager.query(SELECT_TYPE);
  if (!column || ('userId' in of && !holdsId(column.type, of.userId))) return [];
  const [condition, value] =
    'userId' in of
      ? [`neptun_user_id = $1::${column.type}`, of.userId]
      : [
          `neptun_user_id IN (
            SELECT neptun_user_id FROM ${OAUTH_ACCOUNTS} WHERE oauth_user_id::text = ANY($1::text[]))`,
          of.githubIds,
        ];
  const rows: { userId: string }[] = await manager.query(importSql(condition), [value]);
  return rows.map(({ userId }) => userId);
}

/** The same, of users who have installed an App on their own account. */
export async function importOwners(
  manager: EntityManager,
  installations: readonly string[],
): Promise<void> {
  const owners: { id: string }[] = await manager.query(
    `SELECT DISTINCT account_id::text AS id FROM github_fact_installation
    WHERE id = ANY($1::bigint[]) AND account_type = 'User' AND account_id IS NOT NULL`,
    [installations],
  );
  if (owners.length > 0) await importAccounts(manager, { githubIds: owners.map(({ id }) => id) });
}
