import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { DataSource, Migration } from 'typeorm';
import { INDEX_TIMEOUT } from '../timeouts.js';
import type { Queryable } from './catalog.js';
import { indexReads, migrate } from './migrate.js';
import { HISTORY_TABLE } from './migration-history.js';
import { findReadIndex, readIndexAdvice } from './read-index.js';
import {
  findFaults,
  grantSelect,
  TablesNotServableError,
  unreadableOptionals,
} from './servable.js';
import { factEntities, inspectTables, sharedEntities, type Tables } from './tables.js';
import { onChange, type WaitOptions } from './wait-options.js';

export type Log = Pick<FastifyBaseLogger, 'warn' | 'info'>;

const READ_ONLY =
  'it is read-only (transaction_read_only): run npm run cli -- migrate on the primary, by a role that may write';

export const ORIGINS = {
  absent: 'none yet',
  own: 'of this program',
  other: 'of another program',
} as const;

/**
 * Migrates tables of this program, or absent ones. A missing index slows reads and makes none wrong: after `indexTimeout`,
 * or where it cannot be built, the tables are served without it.
 *
 * @throws {TablesNotServableError}
 */
export async function prepareTables(
  dataSource: DataSource,
  log: Log,
  wait: WaitOptions,
  indexTimeout = INDEX_TIMEOUT,
): Promise<Tables> {
  let tables = await inspectTables(dataSource);
  if (tables.pending.length > 0 && tables.mayMigrate) {
    wait.say('migrations are being applied');
    const say = onChange((clause) => {
      log.info(clause);
      wait.say(clause);
    });
    const logged = { ...wait, say };
    logApplied(log, await migrate(dataSource, logged));
    await indexWithin(indexTimeout, dataSource, log, logged);
    wait.signal.throwIfAborted();
    tables = await inspectTables(dataSource);
  }
  const faults = await faultsOf(dataSource, tables);
  if (faults.length > 0) throw new TablesNotServableError(faults);
  logTables(dataSource, tables, log);
  return tables;
}

/** Looks at tables that are served already, and alters nothing. @throws {TablesNotServableError} */
export async function inspectServed(database: Queryable, dataSource: DataSource): Promise<Tables> {
  const tables = await inspectTables(database);
  const faults = await findFaults(database, tables.catalog, sharedEntities(dataSource));
  if (faults.length > 0) throw new TablesNotServableError(faults);
  return tables;
}

export function logTables(dataSource: DataSource, tables: Tables, log: Log): void {
  log.info(summaryOf(tables), 'tables found');
  for (const warning of warningsOf(dataSource, tables)) log.warn(warning);
}

/** Afterwards, the build goes on. */
async function indexWithin(
  timeout: number,
  dataSource: DataSource,
  log: Log,
  wait: WaitOptions,
): Promise<void> {
  const ended = new AbortController();
  const say = (clause: string) => {
    if (!ended.signal.aborted) wait.say(`migrations are being applied: ${clause}`);
  };
  const indexed = indexReads(dataSource, { ...wait, say, tries: Number.POSITIVE_INFINITY })
    .then((applied) => logApplied(log, applied))
    .catch((err) => {
      if (!wait.signal.aborted)
        log.warn({ err }, 'the index for reads was not made; the next start tries again');
    })
    .finally(() => ended.abort());
  await sleep(timeout, undefined, { signal: ended.signal }).then(
    () => log.warn('reads are served without their index, whose build goes on'),
    () => indexed,
  );
  ended.abort();
}

function logApplied(log: Log, migrations: Migration[]): void {
  const applied = migrations.map(({ name }) => name);
  if (applied.length > 0) log.info({ applied }, 'migrations applied');
}

/** What keeps the tables from being served, with its remedy; one text for each fault. */
export async function faultsOf(dataSource: DataSource, tables: Tables): Promise<string[]> {
  const { catalog, origin, pending, mayMigrate } = tables;
  if (origin !== 'absent') return findFaults(dataSource, catalog, sharedEntities(dataSource));
  if (catalog.barred.length > 0)
    return catalog.barred.map(
      (schema) =>
        `schema ${schema} has them, and this role may not use it: GRANT USAGE ON SCHEMA ${schema} TO ${catalog.role}`,
    );
  const none = `search_path, which is ${catalog.searchPath}, has none of them`;
  if (pending.length === 0)
    return [
      `${none}, although ${HISTORY_TABLE} says that they were made: restore them, or drop it`,
    ];
  if (mayMigrate) return [];
  const { role, schema } = catalog;
  if (catalog.readOnly) return [`${none}, and this session may not make them: ${READ_ONLY}`];
  const grant = schema === null ? '' : `GRANT CREATE ON SCHEMA ${schema} TO ${role}, or `;
  return [
    `${none}, and this role may not make them: ${grant}set search_path to the schema that has them`,
  ];
}

/** What does not keep the tables from being served, but an operator should know. */
export function warningsOf(dataSource: DataSource, tables: Tables): string[] {
  const { catalog, origin, pending, mayMigrate } = tables;
  const warnings = sharedEntities(dataSource).flatMap((entity) => {
    const table = catalog.tables.get(entity.tableName);
    const unreadable = unreadableOptionals(catalog, entity);
    if (!table || unreadable.length === 0) return [];
    const names = unreadable.join(', ');
    return [
      `${table.qualified}: ${names} are not readable by this role, and are served as null: ${grantSelect(catalog, table, unreadable)}`,
    ];
  });
  for (const { tableName } of factEntities(dataSource)) {
    const table = catalog.tables.get(tableName);
    if (!table || table.unreadable.size === 0) continue;
    warnings.push(
      `${table.qualified} is not readable by this role: what GitHub says is unknown, and hides no row: ${grantSelect(catalog, table)}`,
    );
  }
  for (const { rowSecurity, qualified } of catalog.tables.values()) {
    if (rowSecurity)
      warnings.push(`${qualified} has row-level security, which decides what ${catalog.role} sees`);
  }
  const installations = catalog.tables.get('github_app_installation');
  const advice = installations && readIndexAdvice(installations, origin);
  if (advice) warnings.push(advice);
  if (origin === 'own' && pending.length > 0 && !mayMigrate) {
    const why = catalog.readOnly
      ? `which this session may not apply: ${READ_ONLY}`
      : `which ${catalog.role} may not apply: run npm run cli -- migrate as the owner of the tables, with CREATE on their schema`;
    warnings.push(`Pending: ${pending.join(', ')}, ${why}`);
  }
  return warnings;
}

function summaryOf({ catalog, origin }: Tables) {
  const users = catalog.tables.get('neptun_user');
  const installations = catalog.tables.get('github_app_installation');
  return {
    tables: ORIGINS[origin],
    schema: installations?.schema,
    userIds: users?.columns.get('id')?.type,
    githubInstallationIds: installations?.columns.get('github_installation_id')?.type,
    times: installations?.columns.get('created_at')?.type,
    readIndex: installations ? findReadIndex(installations, origin) : null,
  };
}
