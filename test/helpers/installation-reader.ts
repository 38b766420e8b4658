import { BatchedReader, type ReaderDatabase } from '../../src/database/batched-reader.js';
import type { Database } from '../../src/database/database.js';
import { GithubAppInstallation } from '../../src/installations/github-app-installation.entity.js';
import {
  DOCUMENTED,
  INSTALLATION_SLOTS,
  type InstallationRow,
} from '../../src/installations/installation.reader.js';
import { User } from '../../src/users/user.entity.js';

/**
 * A reader of users' installations by itself, without requests around it.
 *
 * @param query stands in for the database's own
 */
export function installationReader(
  database: Database,
  query: ReaderDatabase['query'] = (...statement) => database.query(...statement),
): BatchedReader<InstallationRow> {
  return new BatchedReader(
    {
      query,
      tables: database.tables,
      tableOf: (entity) => database.tableOf(entity),
      declareRead() {},
      report: (error) => database.report(error),
    },
    {
      entity: GithubAppInstallation,
      by: 'neptunUserId',
      columns: DOCUMENTED,
      owner: User,
      slots: INSTALLATION_SLOTS.documented,
    },
  );
}
