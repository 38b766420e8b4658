import { CreateUsersAndInstallations1711000000000 } from './1711000000000-create-users-and-installations.js';
import { IndexReads1795000000000 } from './1795000000000-index-reads.js';

/** Every migration, in the order of its application. */
export const MIGRATIONS = [CreateUsersAndInstallations1711000000000, IndexReads1795000000000];
