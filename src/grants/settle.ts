import type { EntityManager } from 'typeorm';
import { resolveAllowed } from './allowed-accounts.js';
import { deriveGrants } from './derived-grants.js';
import { importOwners } from './identities.js';
import { project } from './projection.js';
import { conditionOf, idsOf, type Scope } from './scope.js';

/** What an operator has decided about evidence. */
export interface GrantRules {
  /** Days that a proof lasts. */
  proofDays: number;
  /** Logins in lower case; `null`: all accounts are served. */
  allowedAccounts: readonly string[] | null;
}

/** A long list would hold up other writers. */
const CHUNK = 500;

/**
 * Makes grants, and the rows of `github_app_installation` that are their projection, what the evidence says, in the
 * transaction of `manager`. It may be called at any time: what is right stays as it is.
 */
export async function settle(
  manager: EntityManager,
  scope: Scope,
  rules: GrantRules,
): Promise<void> {
  const ids = idsOf(scope);
  for (let start = 0; start < ids.length; start += CHUNK) {
    const chunk = ids.slice(start, start + CHUNK);
    await settleChunk(
      manager,
      'users' in scope ? { users: chunk } : { installations: chunk },
      rules,
    );
  }
}

async function settleChunk(manager: EntityManager, scope: Scope, rules: GrantRules): Promise<void> {
  if ('installations' in scope) await importOwners(manager, scope.installations);
  await lockInstallations(manager, scope);
  await resolveAllowed(manager, scope, rules.allowedAccounts);
  await deriveGrants(manager, scope, rules.proofDays);
  await project(manager, scope, rules.allowedAccounts);
}

/**
 * Two writers of the evidence of one installation follow each other, so that neither derives a grant from what the other
 * has just ended.
 */
async function lockInstallations(manager: EntityManager, scope: Scope): Promise<void> {
  const concerned =
    'installations' in scope
      ? 'SELECT unnest($1::bigint[])'
      : `SELECT installation_id FROM github_grant WHERE user_id = ANY($1::text[])
        UNION SELECT installation_id FROM github_link WHERE user_id = ANY($1::text[])
        UNION SELECT f.id FROM github_identity i JOIN github_fact_installation f ON f.account_id = i.github_id
          WHERE i.user_id = ANY($1::text[])
        UNION SELECT s.installation_id FROM github_identity i JOIN github_sender s USING (github_id)
          WHERE i.user_id = ANY($1::text[])
        UNION SELECT f.id FROM github_identity i JOIN github_member m USING (github_id)
          JOIN github_fact_installation f ON f.account_id = m.account_id WHERE i.user_id = ANY($1::text[])`;
  await manager.query(
    `SELECT FROM github_fact_installation WHERE id IN (${concerned}) ORDER BY id FOR NO KEY UPDATE`,
    [idsOf(scope)],
  );
  if ('users' in scope) return;
  // An operator may bind one of these users to another account meanwhile.
  const ofScope = conditionOf(scope, { user: '', installation: 'f.id' });
  await manager.query(
    `SELECT FROM github_identity WHERE github_id IN (
      SELECT account_id FROM github_fact_installation f WHERE ${ofScope}
      UNION SELECT github_id FROM github_sender WHERE installation_id = ANY($1::bigint[])
      UNION SELECT m.github_id FROM github_fact_installation f
        JOIN github_member m ON m.account_id = f.account_id WHERE ${ofScope})
    ORDER BY user_id FOR SHARE`,
    [idsOf(scope)],
  );
}
