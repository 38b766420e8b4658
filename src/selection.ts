import {
  type FieldNode,
  type GraphQLResolveInfo,
  Kind,
  type OperationDefinitionNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';

/** The fields that an operation selects, by type and field name, at any depth, whatever its directives say. */
export type Selection = (typeName: string) => ReadonlyMap<string, readonly FieldNode[]>;

/** Lets a resolver look ahead, so that one read brings all that an operation needs. Memoizes `decide` by operation. */
export function perOperation<Decision>(
  decide: (selection: Selection) => Decision,
): (info: GraphQLResolveInfo) => Decision {
  const decisions = new WeakMap<OperationDefinitionNode, Decision>();
  return (info) => {
    let decision = decisions.get(info.operation);
    if (decision === undefined) {
      decision = decide(selectionOf(info));
      decisions.set(info.operation, decision);
    }
    return decision;
  };
}

function selectionOf({ schema, operation, fragments }: GraphQLResolveInfo): Selection {
  const types = new Map<string, Map<string, FieldNode[]>>();
  const typeInfo = new TypeInfo(schema);
  const visitor = visitWithTypeInfo(typeInfo, {
    Field(node) {
      const type = typeInfo.getParentType()?.name ?? '';
      const fields = types.get(type) ?? new Map<string, FieldNode[]>();
      types.set(type, fields.set(node.name.value, [...(fields.get(node.name.value) ?? []), node]));
    },
  });
  visit({ kind: Kind.DOCUMENT, definitions: [operation, ...Object.values(fragments)] }, visitor);
  return (typeName) => types.get(typeName) ?? new Map();
}
