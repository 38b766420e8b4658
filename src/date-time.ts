import { GraphQLScalarType } from 'graphql';

/** Output only. The values come from SQL as ISO 8601 text already, and pass as they are. */
export const DateTime = new GraphQLScalarType<never, string>({
  name: 'DateTime',
  description: 'An instant in ISO 8601, in UTC, with milliseconds: `2024-03-20T10:00:00.000Z`.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => value as string,
});
