import type { EntityManager } from 'typeorm';
import { conditionOf, idsOf, type Scope } from './scope.js';

/**
 * SQL: whether the account of the facts `f` of an installation is served.
 *
 * @param logins SQL of type text[]: the only accounts that are; NULL: all are
 */
export function isServedSql(logins: string): string {
  return `(${logins} IS NULL OR EXISTS (
    SELECT FROM github_allowed_account a WHERE a.account_id = f.account_id AND a.login = ANY(${logins})))`;
}

/** Keeps the id of an account that the operator names, once: a login that is renamed away may become a stranger's. */
export async function resolveAllowed(
  manager: EntityManager,
  scope: Scope,
  allowed: readonly string[] | null,
): Promise<void> {
  if (allowed === null) return;
  const concerned =
    'installations' in scope
      ? conditionOf(scope, { user: '', installation: 'f.id' })
      : `f.id IN (SELECT installation_id FROM github_grant WHERE user_id = ANY($1::text[]))`;
  await manager.query(
    `INSERT INTO github_allowed_account (login, account_id)
    SELECT DISTINCT ON (lower(f.account_login)) lower(f.account_login), f.account_id
    FROM github_fact_installation f
    WHERE ${concerned} AND lower(f.account_login) = ANY($2::text[]) AND f.account_id IS NOT NULL
    ORDER BY lower(f.account_login), f.updated_at DESC NULLS LAST
    ON CONFLICT (login) DO NOTHING`,
    [idsOf(scope), allowed],
  );
}
