import { BatchedReader, type ReaderDatabase } from '../../src/database/batched-reader.js';
import type { Database } from '../../src/database/database.js';
import {
  INSTALLATION_PLANS,
  INSTALLATION_SLOTS,
  type InstallationRow,
} from '../../src/installations/installation.reader.js';

/**
 * A reader of users' installations by itself, without requests around it.
 *
 * @param query stands in for the database's own
 */
export function installationReader(
  database: Database,
  query: ReaderDatabase['query'] = (...statement) => database.query(...statement),
): BatchedReader<InstallationRow[]> {
  return new BatchedReader(
    {
      query,
      tables: database.tables,
      tableOf: (entity) => database.tableOf(entity),
      declareRead() {},
      report: (error) => database.report(error),
    },
    { plan: INSTALLATION_PLANS.documented, slots: INSTALLATION_SLOTS.documented },
  );
}
