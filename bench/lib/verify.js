import { isDeepStrictEqual } from 'node:util';
import { ask, kinds, rowsOf } from './requests.js';
import { expectedRows } from './seed.js';
import { cookieOf, signIn } from './sessions.js';

/** One form for the rows of every candidate, whatever its names, types and notation of time. */
function plain(rows, shown) {
  return rows.map((row) => ({
    id: String(row.id),
    user: row.neptun_user_id ?? row.neptunUserId,
    installation: String(row.github_installation_id ?? row.githubInstallationId),
    created: new Date(row.created_at ?? row.createdAt).getTime(),
    updated: new Date(row.updated_at ?? row.updatedAt).getTime(),
    ...(shown && {
      login: row.account?.login ?? row.github_account_name,
      // GitHub writes Organization, GraphQL's convention is ORGANIZATION.
      type: (row.account?.type ?? row.github_account_type).toUpperCase(),
    }),
    ...(shown?.repositories && {
      repositories: row.repositories.nodes?.map(({ name }) => name) ?? row.repositories,
    }),
  }));
}

/** Throws unless the answer holds these rows, in this order. */
export function checkRows(candidate, kind, answer, expected) {
  const rows = rowsOf(candidate, kind, answer);
  const { shown } = kinds[kind];
  if (!rows || !isDeepStrictEqual(plain(rows, shown), plain(expected, shown))) {
    throw new Error(`${candidate.title} answers wrongly: ${JSON.stringify(answer).slice(0, 500)}`);
  }
}

/**
 * Throws unless the candidate gives the right rows to their owners and nothing to anybody else:
 * only right answers are worth timing.
 */
export async function verify({ candidate, port }, kind, { databaseUrl, users }) {
  if (candidate.constant) return;
  const { request, refused, shown } = kinds[kind];
  const requestFor = (user) => request(user, candidate[kind]);

  for (let index = 0; index < users.length; index += 50) {
    const answer = (await ask(port, requestFor(users[index]))).json();
    const expected = await expectedRows(databaseUrl, users[index].id, shown);
    checkRows(candidate, kind, answer, expected);
  }
  if (candidate.open) return;

  const [one, other] = users;
  const forged = await cookieOf(one.id, 'x'.repeat(32));
  const refusals = [
    ['no session', 'anonymous', { id: one.id }],
    ['a forged session', 'anonymous', { id: one.id, cookie: forged }],
    ["another user's session", 'hidden', { id: one.id, cookie: other.cookie }],
    ['a user who is not there', 'hidden', await signIn('user-0')],
  ];
  for (const [what, expected, user] of refusals) {
    const { status, text, json } = await ask(port, requestFor(user));
    if (!refused(status, json(), expected)) {
      throw new Error(`${candidate.title} answers ${what} with ${status} ${text.slice(0, 500)}`);
    }
  }
}
