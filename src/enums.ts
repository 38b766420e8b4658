/** The value of an enumeration that GitHub writes in another case: `User`, `all`; other programs, in any. */
export function memberOf<Value extends string>(
  values: Record<string, Value>,
  text: string | null | undefined,
): Value | null {
  const name = text?.toUpperCase() ?? '';
  return Object.hasOwn(values, name) ? (values[name] as Value) : null;
}
