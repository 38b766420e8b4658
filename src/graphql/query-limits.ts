import type { FastifyInstance } from 'fastify';
import {
  type ASTNode,
  type ASTVisitor,
  type DocumentNode,
  Kind,
  type ParseOptions,
  type ValidationContext,
} from 'graphql';
import { CodedError } from '../errors.js';

/** Limits of one operation or fragment, with its fragments expanded; far above any sensible use. */
const LIMITS = { depth: 10, aliases: 30, directives: 20, cost: 400 } as const;
/** Cost of a field with a selection set: read from the database, or repeated for each row. */
const OBJECT_COST = 10;
const LEAF_COST = 1;

/** Limits of the parser. A typical document has dozens of tokens. */
export const PARSE_LIMITS: ParseOptions = {
  maxSourceLength: 32 * 1024,
  maxTokens: 1_000,
  maxComments: 200,
};

type Limit = keyof typeof LIMITS;
type Size = Record<Limit | 'fields', number>;

const MESSAGES: Record<Limit, (found: number, most: number) => string> = {
  depth: (found, most) => `The query is ${found} levels deep; at most ${most} are allowed`,
  aliases: (found, most) => `The query has ${found} aliases; at most ${most} are allowed`,
  directives: (found, most) => `The query has ${found} directives; at most ${most} are allowed`,
  cost: (found, most) =>
    `The query costs ${found}: ${OBJECT_COST} for each field that has fields of its own, and ` +
    `${LEAF_COST} for any other; at most ${most} are allowed`,
};

/** Characters, checked before parsing: deeply nested JSON can take hundreds of megabytes. */
const MAX_BODY_LENGTH = 128 * 1024;

export function queryLimits(context: ValidationContext): ASTVisitor {
  return {
    Document(document) {
      const excess = excessOf(document);
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
function excessOf(document: DocumentNode): string | null {
  const sizeOf = measure(document);
  for (const definition of document.definitions) {
    const size = sizeOf(definition);
    for (const limit of Object.keys(LIMITS) as Limit[]) {
      if (size[limit] > LIMITS[limit]) return MESSAGES[limit](size[limit], LIMITS[limit]);
    }
  }
  return null;
}

/** Measures each node once: fragments that multiply exponentially take linear time. */
function measure(document: DocumentNode): (node: ASTNode) => Size {
  const fragments = new Map<string, ASTNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION)
      fragments.set(definition.name.value, definition);
  }
  const sizes = new Map<ASTNode, Size>();
  return sizeOf;

  function sizeOf(node: ASTNode): Size {
    const known = sizes.get(node);
    if (known) return known;
    const size: Size = { depth: 0, aliases: 0, directives: 0, cost: 0, fields: 0 };
    // Ends the recursion of a fragment that spreads itself, which another rule refuses.
    sizes.set(node, size);
    for (const child of childrenOf(node)) {
      const inner = sizeOf(child);
      size.depth = Math.max(size.depth, inner.depth);
      for (const sum of ['aliases', 'directives', 'cost', 'fields'] as const) {
        size[sum] += inner[sum];
      }
    }
    if ('directives' in node) size.directives += node.directives?.length ?? 0;
    if (node.kind === Kind.FIELD) {
      if (node.alias) size.aliases++;
      size.fields++;
      size.depth++;
      size.cost += node.selectionSet ? OBJECT_COST : LEAF_COST;
    }
    if (isIntrospection(node)) {
      // It reads no database, and MaxIntrospectionDepthRule of GraphQL.js limits nested lists.
      size.depth = 1;
      size.cost = size.fields * LEAF_COST;
    }
    return size;
  }

  function childrenOf(node: ASTNode): readonly ASTNode[] {
    if (node.kind !== Kind.FRAGMENT_SPREAD) {
      return ('selectionSet' in node && node.selectionSet?.selections) || [];
    }
    const fragment = fragments.get(node.name.value);
    return fragment ? [fragment] : [];
  }
}

function isIntrospection(node: ASTNode): boolean {
  if (node.kind === Kind.FRAGMENT_DEFINITION) return node.typeCondition.name.value.startsWith('__');
  return node.kind === Kind.FIELD && node.name.value.startsWith('__');
}
