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

/**
 * In front of short texts: `JSON.parse` looks those of up to ten characters up in V8's table of texts, which takes as
 * long as all the rest.
 */
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

/** What stands for an instant that a row lacks, as rows of other programs may. */
const EPOCH = '1970-01-01T00:00:00.000Z';

/** A row: a view of the values that a statement has brought, by the properties of the entity. */
class RowView {
  constructor(
    readonly key: string,
    /** Those of all rows of the key. */
    readonly values: readonly unknown[],
    /** Where its own begin. */
    readonly start: number,
  ) {}
}

/**
 * Makes a function that gives the rows of a key. Their properties are getters, so that only the instants that are
 * asked for are converted. A required instant that is null or infinite is the row's other one, or else the epoch.
 *
 * @param columns those of `jsonOfValues`
 * @param keyProperty holds the key of the read
 */
export function rowsOf<Row>(
  columns: readonly ReadColumn[],
  keyProperty: string,
): (key: string, values: readonly unknown[]) => Row[] {
  class ColumnSetRow extends RowView {}
  const define = (property: string, get: (this: RowView) => unknown) =>
    Object.defineProperty(ColumnSetRow.prototype, property, { get, enumerable: true });
  const instantAt = ({ values, start }: RowView, at: number) => {
    const timestamp = values[start + at];
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
        const padded = this.values[this.start + at] as string | null;
        return padded === null ? null : padded.slice(PADDING.length);
      },
      text: plain,
      plain,
    };
    function plain(this: RowView) {
      return this.values[this.start + at];
    }
    define(property, getters[meaning]);
  }
  define(keyProperty, function () {
    return this.key;
  });
  return (key, values) => {
    const rows: Row[] = [];
    for (let start = 0; start < values.length; start += columns.length)
      rows.push(new ColumnSetRow(key, values, start) as Row);
    return rows;
  };
}
