import type { FastifyInstance } from 'fastify';
import type { ASTVisitor, ParseOptions, ValidationContext } from 'graphql';
import { CodedError } from '../errors.js';
import { LEAF_COST, measure, OBJECT_COST } from '../query-size.js';
import { OPERATION_ROWS } from '../row-limit.js';

/** Limits of one operation or fragment, with its fragments expanded; far above any sensible use. */
const LIMITS = { depth: 10, aliases: 30, directives: 20, cost: 400, rows: OPERATION_ROWS } as const;

/** Limits of the parser. A typical document has dozens of tokens. */
export const PARSE_LIMITS: ParseOptions = {
  maxSourceLength: 32 * 1024,
  maxTokens: 1_000,
  maxComments: 200,
};

type Limit = keyof typeof LIMITS;

const MESSAGES: Record<Limit, (found: number, most: number) => string> = {
  depth: (found, most) => `The query is ${found} levels deep; at most ${most} are allowed`,
  aliases: (found, most) => `The query has ${found} aliases; at most ${most} are allowed`,
  directives: (found, most) => `The query has ${found} directives; at most ${most} are allowed`,
  cost: (found, most) =>
    `The query costs ${found}: ${OBJECT_COST} for each field that has fields of its own, and ` +
    `${LEAF_COST} for any other; at most ${most} are allowed`,
  rows: (found, most) =>
    `The query has pages of ${found} rows together (\`first\`); at most ${most} are allowed`,
};

/** Characters, checked before parsing: deeply nested JSON can take hundreds of megabytes. */
const MAX_BODY_LENGTH = 128 * 1024;

export function queryLimits(context: ValidationContext): ASTVisitor {
  return {
    Document() {
      const excess = excessOf(context);
      if (excess === null) return undefined;
      context.reportError(new CodedError('QUERY_TOO_COMPLEX', { message: excess }));
      // Skips the standard rules, some of which take quadratic time.
      return null;
    },
  };
}

/** Refuses long bodies with `QUERY_TOO_COMPLEX`, after reading them, so that the client gets the response. */
export function limitBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string' },
    (request, body, done) => {
      if (body.length <= MAX_BODY_LENGTH) return parse(request, body, done);
      const message = `The request has ${body.length} characters; at most ${MAX_BODY_LENGTH} are allowed`;
      done(new CodedError('QUERY_TOO_COMPLEX', { message }));
    },
  );
}

/** Includes unused fragments, as the standard rules visit them. */
function excessOf(context: ValidationContext): string | null {
  const { definitions } = context.getDocument();
  const sizeOf = measure(context.getSchema(), definitions);
  for (const definition of definitions) {
    const size = sizeOf(definition);
    for (const limit of Object.keys(LIMITS) as Limit[]) {
      if (size[limit] > LIMITS[limit]) return MESSAGES[limit](size[limit], LIMITS[limit]);
    }
  }
  return null;
}
