import { perOperation } from '../selection.js';
import type { UserReader } from '../users/user.reader.js';
import type { FindUser } from '../users/user.resolver.js';
import { type ColumnSet, DOCUMENTED, type InstallationReader } from './installation.reader.js';

/** The fewest columns for all lists of an operation, so that they share one read; `null`: it selects no list. */
export const columnsOf = perOperation((selection): ColumnSet | null => {
  const lists = selection('User').get('installations');
  if (!lists) return null;
  const documented: readonly string[] = [...DOCUMENTED, '__typename'];
  const fields = [...selection('GithubAppInstallation').keys()];
  const isDocumented =
    fields.every((field) => documented.includes(field)) &&
    lists.every((list) => !list.arguments?.length);
  return isDocumented ? 'documented' : 'all';
});

/** The list of a user shows whether the user exists: where it is selected, the table of users is not read first. */
export function findUserBy(installations: InstallationReader, users: UserReader): FindUser {
  return (user, context, info) => {
    const columns = columnsOf(info);
    return columns ? installations.read(user, context, columns) : users.read(user, context);
  };
}
