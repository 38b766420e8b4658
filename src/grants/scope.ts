/** What is settled: all that these installations, or these users, have. */
export type Scope = { installations: readonly string[] } | { users: readonly string[] };

/** SQL of a condition on two columns, whose `$1` are the ids of the scope. */
export function conditionOf(scope: Scope, columns: { user: string; installation: string }): string {
  return 'users' in scope
    ? `${columns.user} = ANY($1::text[])`
    : `${columns.installation} = ANY($1::bigint[])`;
}

export function idsOf(scope: Scope): readonly string[] {
  return 'users' in scope ? scope.users : scope.installations;
}
