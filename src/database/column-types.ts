import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';

/** Bytes. An index entry of PostgreSQL holds 2,704: only a compressible id can be longer, and is not served. */
const MAX_TEXT_BYTES = 2_700;
const BITS: Record<string, number> = { smallint: 16, integer: 32, bigint: 64 };
const INTEGER = /^(0|-?[1-9]\d{0,18})$/;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

const INTEGERS = Object.keys(BITS);
const TEXTS = ['text', 'character varying'];

/** Types that a column may have in a table of another program, by the type that our migrations give it. */
const SERVED: Record<string, readonly string[]> = {
  text: [...INTEGERS, 'uuid', ...TEXTS],
  integer: INTEGERS,
  bigint: [...INTEGERS, ...TEXTS],
  'timestamp with time zone': ['timestamp with time zone', 'timestamp without time zone'],
};

/** The type that our migrations give a column, as the catalog names it. */
export function ownType(column: ColumnMetadata): string {
  return column.entityMetadata.connection.driver.normalizeType(column);
}

/** The types of a column that can be served; `null`: any, as it may be absent as well. */
export function servedTypes(column: ColumnMetadata): readonly string[] | null {
  return column.isNullable ? null : (SERVED[ownType(column)] ?? [ownType(column)]);
}

/** Types of one family hold the same ids, in the same form. */
export function familyOf(type: string): readonly string[] {
  return [INTEGERS, TEXTS].find((family) => family.includes(type)) ?? [type];
}

/** SQL of a number of GitHub's in a column of this type; NULL: it is none. */
export function githubIdOf(sql: string, type: string): string {
  return TEXTS.includes(type)
    ? `CASE WHEN ${sql} ~ '^[1-9][0-9]{0,17}$' THEN ${sql}::bigint END`
    : sql;
}

/** Whether a text is an id of this type in canonical form: PostgreSQL would cast ` 1`, or `{…}` around a UUID, too. */
export function holdsId(type: string, id: string): boolean {
  const bits = BITS[type];
  if (bits !== undefined) return INTEGER.test(id) && BigInt.asIntN(bits, BigInt(id)) === BigInt(id);
  if (type === 'uuid') return UUID.test(id);
  // PostgreSQL's text holds no NUL, and UTF-8 no lone surrogate, which would be read as U+FFFD.
  return Buffer.byteLength(id) <= MAX_TEXT_BYTES && !id.includes('\0') && id.isWellFormed();
}
