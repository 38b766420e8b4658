import {
  type ASTNode,
  type DefinitionNode,
  type FieldNode,
  type GraphQLSchema,
  isObjectType,
  Kind,
} from 'graphql';

/** Cost of a field with a selection set: read from the database, or repeated for each row. */
export const OBJECT_COST = 10;
export const LEAF_COST = 1;
/** The argument of a field that is a page of a list: its rows. */
const PAGE_ARGUMENT = 'first';
export const LARGEST_PAGE = 100;

export interface Size {
  depth: number;
  aliases: number;
  directives: number;
  cost: number;
  /** Sum of the sizes of its pages, at most. */
  rows: number;
  fields: number;
}

const SUMS = ['aliases', 'directives', 'cost', 'rows', 'fields'] as const;

/**
 * Measures each node once, with its fragments expanded: fragments that multiply exponentially take linear time.
 *
 * @param variables absent: not known yet, and taken for the largest page
 */
export function measure(
  schema: GraphQLSchema,
  definitions: readonly DefinitionNode[],
  variables?: Readonly<Record<string, unknown>>,
): (node: ASTNode) => Size {
  const pages = pagesOf(schema);
  const fragments = new Map<string, ASTNode>();
  for (const definition of definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION)
      fragments.set(definition.name.value, definition);
  }
  const sizes = new Map<ASTNode, Size>();
  return sizeOf;

  function sizeOf(node: ASTNode): Size {
    const known = sizes.get(node);
    if (known) return known;
    const size: Size = { depth: 0, aliases: 0, directives: 0, cost: 0, rows: 0, fields: 0 };
    // Ends the recursion of a fragment that spreads itself, which another rule refuses.
    sizes.set(node, size);
    for (const child of childrenOf(node)) {
      const inner = sizeOf(child);
      size.depth = Math.max(size.depth, inner.depth);
      for (const sum of SUMS) size[sum] += inner[sum];
    }
    if ('directives' in node) size.directives += node.directives?.length ?? 0;
    if (node.kind === Kind.FIELD) {
      if (node.alias) size.aliases++;
      size.fields++;
      size.depth++;
      size.cost += node.selectionSet ? OBJECT_COST : LEAF_COST;
      size.rows += rowsOf(node);
    }
    if (isIntrospection(node)) {
      // It reads no database, and MaxIntrospectionDepthRule of GraphQL.js limits nested lists.
      size.depth = 1;
      size.cost = size.fields * LEAF_COST;
    }
    return size;
  }

  function rowsOf({ name, arguments: nodes = [] }: FieldNode): number {
    const byDefault = pages.get(name.value);
    if (byDefault === undefined) return 0;
    const value = nodes.find((argument) => argument.name.value === PAGE_ARGUMENT)?.value;
    if (value?.kind === Kind.VARIABLE) {
      if (!variables) return LARGEST_PAGE;
      const given = variables[value.name.value];
      return typeof given === 'number' ? clamped(given) : byDefault;
    }
    return value?.kind === Kind.INT ? clamped(Number(value.value)) : byDefault;
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

/** A page of no rows is read and counted all the same. A page of any other size is an error of its own. */
function clamped(rows: number): number {
  return Math.min(Math.max(rows, 1), LARGEST_PAGE);
}

const PAGES = new WeakMap<GraphQLSchema, ReadonlyMap<string, number>>();

/** Sizes of pages by default, by the names of their fields. */
function pagesOf(schema: GraphQLSchema): ReadonlyMap<string, number> {
  const known = PAGES.get(schema);
  if (known) return known;
  const pages = new Map<string, number>();
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type)) continue;
    for (const { name, args } of Object.values(type.getFields())) {
      const size = args.find((argument) => argument.name === PAGE_ARGUMENT)?.defaultValue;
      if (typeof size === 'number') pages.set(name, size);
    }
  }
  PAGES.set(schema, pages);
  return pages;
}
