import {
  coerceInputValue,
  type FieldNode,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  getArgumentValues,
  isNonNullType,
  Kind,
  typeFromAST,
  type VariableDefinitionNode,
  valueFromAST,
} from 'graphql';

type Values = Record<string, unknown>;

/**
 * Makes a function that coerces the variables of requests as `getVariableValues` does (GraphQL §6.1.2), which would
 * look their types up each time. It throws at the first error.
 */
export function compileVariables(
  schema: GraphQLSchema,
  definitions: readonly VariableDefinitionNode[],
): (inputs: Values) => Values {
  const variables = definitions.map(({ variable, type, defaultValue }) => ({
    name: variable.name.value,
    type: typeFromAST(schema, type as never) as GraphQLInputType,
    defaultValue,
  }));
  return (inputs) => {
    // Without a prototype: a variable may be called `__proto__`.
    const values: Values = Object.create(null);
    for (const { name, type, defaultValue } of variables) {
      if (Object.hasOwn(inputs, name)) values[name] = coerceInputValue(inputs[name], type);
      else if (defaultValue) values[name] = valueFromAST(defaultValue, type);
      else if (isNonNullType(type)) throw new Error(`$${name} must be given`);
    }
    return values;
  };
}

/**
 * Makes a function that gives the arguments of a field as `getArgumentValues` does (GraphQL §6.4.1): each time an
 * object of its own, as resolvers may change it.
 *
 * @throws where an argument that is not a variable has no valid value
 */
export function compileArguments(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
): (variables: Values) => Values {
  const setters = field.args.map((argument) => compileArgument(field, argument, node));
  return (variables) => {
    const values: Values = {};
    for (const set of setters) set(values, variables);
    return values;
  };
}

type SetArgument = (values: Values, variables: Values) => void;

function compileArgument(
  field: GraphQLField<unknown, unknown>,
  argument: GraphQLArgument,
  node: FieldNode,
): SetArgument {
  const { name, type, defaultValue } = argument;
  const value = node.arguments?.find((given) => given.name.value === name)?.value;
  const alone = { ...field, args: [argument] };
  if (value?.kind === Kind.VARIABLE) {
    const variable = value.name.value;
    return (values, variables) => {
      const given = variable in variables ? variables[variable] : defaultValue;
      if (isNonNullType(type) && (given === null || given === undefined))
        throw new Error(`$${variable} must not be null`);
      if (given !== undefined) values[name] = given;
    };
  }
  const setAnew: SetArgument = (values, variables) =>
    Object.assign(values, getArgumentValues(alone, node, variables));
  // It may hold variables.
  if (value?.kind === Kind.LIST || value?.kind === Kind.OBJECT) return setAnew;
  const constant = getArgumentValues(alone, node);
  // A resolver may change a list or an object.
  return typeof constant[name] === 'object' ? setAnew : (values) => Object.assign(values, constant);
}
