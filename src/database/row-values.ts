import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import { isoInstant } from '../date-time.js';

/** A column that a read brings: how the entity declares it, and how the table has it. */
export interface ReadColumn {
  readonly property: string;
  readonly name: string;
  /** What the value means, by the entity. */
  readonly meaning: 'instant' | 'bigint' | 'text' | 'plain';
  /** Whether the entity lets it be null. */
  readonly optional: boolean;
  /** The type of the table's own column; `null`: the table has none, and the value is null. */
  readonly type: string | null;
  /** Whether the table's own column may be null. */
  readonly nullable: boolean;
}

const MEANINGS: Record<string, ReadColumn['meaning']> = {
  timestamptz: 'instant',
  'timestamp with time zone': 'instant',
  bigint: 'bigint',
  text: 'text',
};

export function meaningOf({ type }: Pick<ColumnMetadata, 'type'>): ReadColumn['meaning'] {
  return MEANINGS[String(type)] ?? 'plain';
}

/**
 * SQL for a row as the text of a JSON array, a value for each column. Texts are cheaper than rows: `pg` spends more
 * on each row and value of a result than PostgreSQL spends on putting them together.
 */
export function jsonOfRow(columns: readonly ReadColumn[]): string {
  return `'[' || ${columns.map(jsonOf).join(" || ',' || ")} || ']'`;
}

function jsonOf({ name, meaning, type, nullable }: ReadColumn): string {
  if (type === null) return `'null'`;
  const json = {
    // The zone is an interval, as its name would be looked up for each value. DateStyle does not affect `to_json`.
    instant: `to_json(${type === 'timestamp without time zone' ? name : `${name} AT TIME ZONE INTERVAL '0'`})::text`,
    // JSON's numbers end at 2^53 in JavaScript.
    bigint:
      type === 'bigint' || type === 'integer'
        ? `'"' || ${name} || '"'`
        : `to_json(${name}::text)::text`,
    text: `to_json(${name}${type === 'text' ? '' : '::text'})::text`,
    plain: `to_json(${name})::text`,
  }[meaning];
  return nullable ? `coalesce(${json}, 'null')` : json;
}

/** What stands for an instant that a row lacks, as rows of other programs may. */
const EPOCH = '1970-01-01T00:00:00.000Z';

/** A row: a view of the values that a statement has brought, by the properties of the entity. */
class RowView {
  constructor(
    readonly values: readonly unknown[],
    readonly key: string,
  ) {}
}

/**
 * Makes the class of rows of a column set. Its properties are getters, so that only the instants that are asked for
 * are converted. A required instant that is null or infinite is the row's other one, or else the epoch.
 *
 * @param columns those of `jsonOfRow`
 * @param key the property that holds the key of the read
 */
export function rowClass<Row>(
  columns: readonly ReadColumn[],
  key: string,
): new (
  values: readonly unknown[],
  key: string,
) => Row {
  class ColumnSetRow extends RowView {}
  const define = (property: string, get: (this: RowView) => unknown) =>
    Object.defineProperty(ColumnSetRow.prototype, property, { get, enumerable: true });
  const instantAt = ({ values }: RowView, at: number) =>
    typeof values[at] === 'string' ? isoInstant(values[at]) : null;
  const required = columns.flatMap(({ meaning, optional }, at) =>
    meaning === 'instant' && !optional ? [at] : [],
  );
  for (const [at, { property, meaning }] of columns.entries()) {
    define(
      property,
      meaning !== 'instant'
        ? function () {
            return this.values[at];
          }
        : function () {
            const instant = instantAt(this, at);
            if (instant !== null || !required.includes(at)) return instant;
            return required.map((other) => instantAt(this, other)).find(Boolean) ?? EPOCH;
          },
    );
  }
  define(key, function () {
    return this.key;
  });
  return ColumnSetRow as never;
}
