import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import { isoInstant } from '../date-time.js';

/** A column that a read brings: how the entity declares it, and how the table has it. */
export interface ReadColumn {
  readonly property: string;
  readonly name: string;
  readonly meaning: 'instant' | 'bigint' | 'text' | 'plain';
  /** By the entity; `nullable` is of the table's own column. */
  readonly optional: boolean;
  /** The type of the table's own column; `null`: the table has none, and the value is null. */
  readonly type: string | null;
  readonly nullable: boolean;
}

const MEANINGS: Record<string, ReadColumn['meaning']> = {
  timestamptz: 'instant',
  'timestamp with time zone': 'instant',
  bigint: 'bigint',
  text: 'text',
};

/** `JSON.parse` searches V8's string table for texts of up to ten characters, which takes as long as all the rest. */
const PADDING = ' '.repeat(10);

export function meaningOf({ type }: Pick<ColumnMetadata, 'type'>): ReadColumn['meaning'] {
  return MEANINGS[String(type)] ?? 'plain';
}

/** SQL for the values of a row as JSON, one for each column, with commas between them. */
export function jsonOfValues(columns: readonly ReadColumn[]): string {
  return columns.map(jsonOf).join(" || ',' || ");
}

function jsonOf({ name, meaning, type, nullable }: ReadColumn): string {
  if (type === null) return `'null'`;
  const json = {
    // The zone is an interval, as its name would be looked up for each value. DateStyle does not affect `to_json`.
    instant: `to_json(${type === 'timestamp without time zone' ? name : `${name} AT TIME ZONE INTERVAL '0'`})::text`,
    // As text, since JSON's numbers end at 2^53 in JavaScript.
    bigint:
      type === 'bigint' || type === 'integer'
        ? `'"${PADDING}' || ${name} || '"'`
        : `to_json('${PADDING}' || ${name}::text)::text`,
    text: `to_json(${name}${type === 'text' ? '' : '::text'})::text`,
    plain: `to_json(${name})::text`,
  }[meaning];
  return nullable ? `coalesce(${json}, 'null')` : json;
}

/** For a required instant that is null or infinite, as is the row's other one: rows of other programs may be so. */
const EPOCH = '1970-01-01T00:00:00.000Z';

/** The row whose values begin at `$start`, among those of all rows of its key. No property of an entity is named so. */
class RowView {
  constructor(
    readonly $key: string,
    readonly $values: readonly unknown[],
    readonly $start: number,
  ) {}
}

/** Makes the rows of a key from the values of `jsonOfValues`. Getters, so that only selected instants are converted. */
export function rowsOf<Row>(
  columns: readonly ReadColumn[],
  keyProperty: string,
): (key: string, values: readonly unknown[]) => Row[] {
  class ColumnSetRow extends RowView {}
  const define = (property: string, get: (this: RowView) => unknown) =>
    Object.defineProperty(ColumnSetRow.prototype, property, { get, enumerable: true });
  const valueAt = (row: RowView, at: number) => row.$values[row.$start + at];
  const instantAt = (row: RowView, at: number) => {
    const timestamp = valueAt(row, at);
    return typeof timestamp === 'string' ? isoInstant(timestamp) : null;
  };
  const required = columns.flatMap(({ meaning, optional }, at) =>
    meaning === 'instant' && !optional ? [at] : [],
  );
  for (const [at, { property, meaning }] of columns.entries()) {
    const getters: Record<ReadColumn['meaning'], (this: RowView) => unknown> = {
      instant() {
        const instant = instantAt(this, at);
        if (instant !== null || !required.includes(at)) return instant;
        return required.map((other) => instantAt(this, other)).find(Boolean) ?? EPOCH;
      },
      bigint() {
        const padded = valueAt(this, at) as string | null;
        return padded === null ? null : padded.slice(PADDING.length);
      },
      text: plain,
      plain,
    };
    function plain(this: RowView) {
      return valueAt(this, at);
    }
    define(property, getters[meaning]);
  }
  define(keyProperty, function () {
    return this.$key;
  });
  return (key, values) => {
    const rows: Row[] = [];
    for (let start = 0; start < values.length; start += columns.length)
      rows.push(new ColumnSetRow(key, values, start) as Row);
    return rows;
  };
}
