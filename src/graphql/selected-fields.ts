import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLIncludeDirective,
  type GraphQLObjectType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getDirectiveValues,
  isAbstractType,
  Kind,
  type NamedTypeNode,
  type SelectionNode,
  type SelectionSetNode,
  visit,
} from 'graphql';

export interface Conditions {
  /** The variables that `@include` and `@skip` depend on. */
  variables: ReadonlySet<string>;
  introspects: boolean;
}

export function conditionsOf(document: DocumentNode): Conditions {
  const variables = new Set<string>();
  let introspects = false;
  visit(document, {
    Directive({ name, arguments: nodes = [] }) {
      if (name.value !== GraphQLIncludeDirective.name && name.value !== GraphQLSkipDirective.name)
        return;
      for (const { value } of nodes)
        if (value.kind === Kind.VARIABLE) variables.add(value.name.value);
    },
    Field({ name }) {
      introspects ||= name.value === '__schema' || name.value === '__type';
    },
  });
  return { variables, introspects };
}

/** The fields of selections for one outcome of their directives (GraphQL §6.3.2). */
export class SelectedFields {
  readonly fragments: Readonly<Record<string, FragmentDefinitionNode>>;
  readonly #schema: GraphQLSchema;
  readonly #outcomes: Record<string, unknown>;

  constructor(
    schema: GraphQLSchema,
    { definitions }: DocumentNode,
    outcomes: Record<string, unknown>,
  ) {
    this.#schema = schema;
    this.#outcomes = outcomes;
    const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
    this.fragments = Object.fromEntries(
      (fragments as FragmentDefinitionNode[]).map((fragment) => [fragment.name.value, fragment]),
    );
  }

  /** By the keys of the answer; those of one key are one field, whose selections are merged. */
  of(
    type: GraphQLObjectType,
    selectionSets: readonly (SelectionSetNode | undefined)[],
  ): Map<string, FieldNode[]> {
    const fields = new Map<string, FieldNode[]>();
    const spread = new Set<string>();
    const collect = ({ selections }: SelectionSetNode) => {
      for (const selection of selections.filter(this.#isIncluded)) {
        if (selection.kind === Kind.FIELD) {
          const key = (selection.alias ?? selection.name).value;
          fields.set(key, [...(fields.get(key) ?? []), selection]);
        } else if (selection.kind === Kind.INLINE_FRAGMENT) {
          if (this.#applies(selection.typeCondition, type)) collect(selection.selectionSet);
        } else if (!spread.has(selection.name.value)) {
          spread.add(selection.name.value);
          const fragment = this.fragments[selection.name.value];
          if (fragment && this.#applies(fragment.typeCondition, type))
            collect(fragment.selectionSet);
        }
      }
    };
    for (const set of selectionSets) if (set) collect(set);
    return fields;
  }

  #applies(condition: NamedTypeNode | undefined, type: GraphQLObjectType): boolean {
    if (!condition || condition.name.value === type.name) return true;
    const named = this.#schema.getType(condition.name.value);
    return isAbstractType(named) && this.#schema.isSubType(named, type);
  }

  #isIncluded = (selection: SelectionNode): boolean =>
    getDirectiveValues(GraphQLSkipDirective, selection, this.#outcomes)?.if !== true &&
    getDirectiveValues(GraphQLIncludeDirective, selection, this.#outcomes)?.if !== false;
}
