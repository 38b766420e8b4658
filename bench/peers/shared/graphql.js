import { readFileSync } from 'node:fs';
import { GraphQLError } from 'graphql';

export const typeDefs = readFileSync(new URL('schema.graphql', import.meta.url), 'utf8');

/** Lets only the signed-in user through; whoever else exists is not told. */
export function authorize(viewerId, userId) {
  if (!viewerId)
    throw new GraphQLError('Not signed in', { extensions: { code: 'UNAUTHENTICATED' } });
  if (viewerId !== userId) throw notFound();
}

export const notFound = () =>
  new GraphQLError('User not found', { extensions: { code: 'NOT_FOUND' } });

/** Field resolvers over rows as the database names them. */
export const installationFields = {
  neptunUserId: (row) => row.neptun_user_id,
  githubInstallationId: (row) => String(row.github_installation_id),
  createdAt: (row) => row.created_at,
  updatedAt: (row) => row.updated_at,
};

const accountType = (row) => row.github_account_type?.toUpperCase();

/** The same with the account, and the filters by it. */
export const accountFields = {
  account: (row) =>
    row.github_account_id && {
      githubAccountId: String(row.github_account_id),
      login: row.github_account_name,
      type: accountType(row),
      avatarUrl: row.github_account_avatar_url,
    },
};

export const ofAccount = (rows, { accountLogin = null, accountType: type = null }) =>
  rows.filter(
    (row) =>
      (accountLogin === null || row.github_account_name === accountLogin) &&
      (type === null || accountType(row) === type),
  );
