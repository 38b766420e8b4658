import { GraphQLScalarType } from 'graphql';

/** Output only. The values come from SQL as ISO 8601 text already, and pass as they are. */
export const DateTime = new GraphQLScalarType<never, string>({
  name: 'DateTime',
  description: 'An instant in ISO 8601, in UTC, with milliseconds: `2024-03-20T10:00:00.000Z`.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => value as string,
});

/**
 * SQL for an instant as ISO 8601 text in UTC, as JavaScript's `toISOString` writes it. The zone is an interval
 * because its name would be looked up for each value.
 *
 * @param column a `timestamptz`
 * @param other what stands in for it where it is infinite or NULL, as other programs may leave it; for both of
 *   them the epoch does: the text is never NULL
 */
export function isoText(column: string, other: string): string {
  return `coalesce(${iso(column)}, ${iso(other)}, '1970-01-01T00:00:00.000Z')`;
}

const iso = (column: string) =>
  `to_char(${column} AT TIME ZONE INTERVAL '0', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
