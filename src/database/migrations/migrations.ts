import { CreateUsersAndInstallations1711000000000 } from './1711000000000-create-users-and-installations.js';
import { IndexReads1795000000000 } from './1795000000000-index-reads.js';
import { AddInstallationAccounts1796000000000 } from './1796000000000-add-installation-accounts.js';
import { CreateGithubFacts1797000000000 } from './1797000000000-create-github-facts.js';
import { CreateGrants1798000000000 } from './1798000000000-create-grants.js';

/** Not applied in a transaction where others use its table. */
export const INDEX_MIGRATION = IndexReads1795000000000;

/** Migrations of the tables that another program may have made: there they are recorded, and never run. */
export const SHARED_TABLE_MIGRATIONS = [
  CreateUsersAndInstallations1711000000000,
  IndexReads1795000000000,
  AddInstallationAccounts1796000000000,
];

export const MIGRATIONS = [
  ...SHARED_TABLE_MIGRATIONS,
  CreateGithubFacts1797000000000,
  CreateGrants1798000000000,
];
