import type { DataSource } from 'typeorm';
import { faultsOf, ORIGINS, warningsOf } from '../database/prepare-tables.js';
import { findReadIndex } from '../database/read-index.js';
import { inspectTables, sharedEntities, type Tables } from '../database/tables.js';
import { type Finding, fault, ok, warning } from './finding.js';

export async function checkTables(dataSource: DataSource): Promise<Finding[]> {
  const tables = await inspectTables(dataSource);
  return [
    ok(`${ORIGINS[tables.origin]}, in search_path ${tables.catalog.searchPath}`),
    ...describe(dataSource, tables),
    ...(await faultsOf(dataSource, tables)).map((text) => fault(text)),
    ...warningsOf(dataSource, tables).map((text) => warning(text)),
    ...findPending(tables),
  ];
}

function describe(dataSource: DataSource, { catalog, origin }: Tables): Finding[] {
  const index = catalog.tables.get('github_app_installation');
  const name = index && findReadIndex(index, origin);
  const findings = sharedEntities(dataSource).flatMap(({ tableName, columns }) => {
    const table = catalog.tables.get(tableName);
    if (!table) return [];
    const types = columns.map(({ databaseName }) => {
      const column = table.columns.get(databaseName);
      return column && `${databaseName} ${column.type}${column.nullable ? '' : ' NOT NULL'}`;
    });
    return [ok(`${table.kind} ${table.qualified}: ${types.filter(Boolean).join(', ')}`)];
  });
  return name ? [...findings, ok(`index of reads: ${name}`)] : findings;
}

function findPending({ pending, mayMigrate }: Tables): Finding[] {
  if (pending.length === 0 || !mayMigrate) return [];
  return [warning(`pending: ${pending.join(', ')}; the next start applies them`)];
}
