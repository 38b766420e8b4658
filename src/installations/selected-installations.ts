import { perOperation } from '../selection.js';
import type { UserReader } from '../users/user.reader.js';
import type { FindUser } from '../users/user.resolver.js';
import { type ColumnSet, DOCUMENTED, type InstallationReader } from './installation.reader.js';

/**
 * The fewest columns that answer an operation, its fields and the arguments of its lists: one set for all lists, so
 * that they share one read.
 */
export const columnsOf = perOperation((selection): ColumnSet => {
  const documented: readonly string[] = [...DOCUMENTED, '__typename'];
  const fields = [...selection('GithubAppInstallation').keys()];
  const lists = selection('User').get('installations') ?? [];
  return fields.every((field) => documented.includes(field)) &&
    lists.every((list) => !list.arguments?.length)
    ? 'documented'
    : 'all';
});

const selectsInstallations = perOperation((selection) => selection('User').has('installations'));

/** The list of a user shows whether the user exists: where it is selected, the table of users is not read first. */
export function findUserBy(installations: InstallationReader, users: UserReader): FindUser {
  return (user, context, info) =>
    selectsInstallations(info)
      ? installations.read(user, context, columnsOf(info))
      : users.read(user, context);
}
