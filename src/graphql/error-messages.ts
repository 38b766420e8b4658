/** What Apollo Server says in the terms of its own documentation, and what our callers and operators can do. */
const MESSAGES: readonly [RegExp, string][] = [
  [
    /^GraphQL introspection is not allowed/,
    'Introspection is disabled: the operator of this server can enable it with GRAPHQL_IDE=true',
  ],
  [
    /^This operation has been blocked as a potential Cross-Site Request Forgery/,
    'Another site could have sent this request: send a POST with Content-Type: application/json, ' +
      'or add the header apollo-require-preflight: true',
  ],
  [/^Operation batching disabled/, 'Send one operation in each request, not an array'],
  [/^POST body missing/, 'Send a JSON object with a query, and Content-Type: application/json'],
  [/^GraphQL operations must contain a non-empty `query`/, 'Send an operation as query'],
  [
    /^GraphQL queries must be strings/,
    'Send query as a string: a parsed document is converted by print of graphql',
  ],
  [
    /^An 'accept' header was provided/,
    'Accept must allow application/json or application/graphql-response+json',
  ],
];

export function ourMessage(message: string): string {
  return MESSAGES.find(([apollos]) => apollos.test(message))?.[1] ?? message;
}
