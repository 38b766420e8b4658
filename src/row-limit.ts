import type { GraphQLResolveInfo } from 'graphql';
import { CodedError } from './errors.js';
import { measure } from './query-size.js';

/** Rows of the pages of one operation or fragment, at most: each page counts once. */
export const OPERATION_ROWS = 300;
/** Rows of all pages of an answer, at most. */
const MAX_ROWS = 10_000;

/**
 * For a list whose items have pages: refuses what would answer too many rows.
 *
 * @throws {CodedError} `QUERY_TOO_COMPLEX`
 */
export function limitRows(
  items: number,
  { schema, operation, fragments, variableValues }: GraphQLResolveInfo,
): void {
  if (items * OPERATION_ROWS <= MAX_ROWS) return;
  const { rows } = measure(schema, Object.values(fragments), variableValues)(operation);
  if (items * rows <= MAX_ROWS) return;
  const message =
    `The query has pages of ${rows} rows for each of ${items} items (\`first\`); ` +
    `at most ${MAX_ROWS} rows are allowed in all`;
  throw new CodedError('QUERY_TOO_COMPLEX', { message });
}
