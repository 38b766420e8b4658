import { GraphQLScalarType } from 'graphql';

/** Output only: readers give instants as ISO 8601 text already. */
export const DateTime = new GraphQLScalarType<never, string>({
  name: 'DateTime',
  description: 'An instant in ISO 8601, in UTC, with milliseconds: `2024-03-20T10:00:00.000Z`.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  // For compiled queries, which would look for characters to escape.
  extensions: { needsNoEscapes: true },
  serialize: (value) => value as string,
});

/** As PostgreSQL's `to_json` writes a `timestamp` in UTC, whatever the session's DateStyle. */
const TIMESTAMP = /^(\d{4,6})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?( BC)?$/;

/** What makes a timestamp of that length whole: PostgreSQL leaves out zeros at its end. */
const ENDS: Record<number, string> = { 19: '.000Z', 21: '00Z', 22: '0Z', 23: 'Z' };

/** The instant as `Date.prototype.toISOString` writes it, cut to milliseconds; `null`: infinite, or beyond a `Date`. */
export function isoInstant(timestamp: string): string | null {
  // The common forms need no parsing: a year of four digits, and no BC.
  const { length } = timestamp;
  if (timestamp[10] === 'T' && timestamp[length - 1] !== 'C')
    return length > 23 ? `${timestamp.slice(0, 23)}Z` : timestamp + ENDS[length];
  const match = TIMESTAMP.exec(timestamp);
  if (!match) return null;
  const [, year, month, day, hours, minutes, seconds, fraction = '', bc] = match;
  // The year before 1 AD is 0 in ISO 8601.
  const fullYear = bc ? 1 - Number(year) : Number(year);
  const date = new Date(0);
  date.setUTCFullYear(fullYear, Number(month) - 1, Number(day));
  date.setUTCHours(Number(hours), Number(minutes), Number(seconds));
  date.setUTCMilliseconds(Number(fraction.slice(0, 3).padEnd(3, '0')));
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
