import type { DataSource } from 'typeorm';
import type { Tables } from '../database/tables.js';
import { InstallationFact } from '../installations/installation-fact.entity.js';
import { RepositoryFact } from '../repositories/repository-fact.entity.js';
import { AppState } from './app-state.entity.js';
import { Delivery } from './delivery.entity.js';

const SELECT_RIGHTS = `
  SELECT quote_ident(current_user) AS role, name, (
    SELECT bool_and(has_table_privilege(to_regclass(quote_ident(name)), needed))
    FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS needed) AS writable
  FROM unnest($1::text[]) AS name`;

/** `writable`: `null`: the search path has no such table. */
interface Rights {
  role: string;
  name: string;
  writable: boolean | null;
}

/** @returns why this role cannot write what GitHub says, with the remedy; `null`: it can */
export async function findObstacle(
  dataSource: DataSource,
  origin: Tables['origin'] | undefined,
): Promise<string | null> {
  const names = [InstallationFact, RepositoryFact, Delivery, AppState].map(
    (entity) => dataSource.getMetadata(entity).tableName,
  );
  const rights: Rights[] = await dataSource.query(SELECT_RIGHTS, [names]);
  if (rights.some(({ writable }) => writable === null)) {
    const option = origin === 'other' ? ' --adopt' : '';
    return `the tables for what GitHub says are not there: run npm run cli -- migrate${option}`;
  }
  const barred = rights.filter(({ writable }) => !writable);
  if (barred.length === 0) return null;
  const tables = barred.map(({ name }) => name).join(', ');
  return `this role may not write what GitHub says: GRANT SELECT, INSERT, UPDATE, DELETE ON ${tables} TO ${barred[0]?.role}`;
}
