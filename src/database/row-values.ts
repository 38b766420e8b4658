import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import { isoInstant } from '../date-time.js';

/** A column that a read brings: how the entity declares it, and how the table has it. */
export interface ReadColumn {
  readonly property: string;
  readonly name: string;
  readonly meaning: 'instant' | 'bigint' | 'text' | 'plain';
  /** By the entity. The table's own column may hold nulls at any time, as other programs alter it. */
  readonly optional: boolean;
  /** The type of the table's own column; `null`: the table has none, and the value is null. */
  readonly type: string | null;
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
  // One copy for each row; `||` makes one for each value.
  return `concat_ws(',', ${columns.map(jsonOf).join(', ')})`;
}

function jsonOf({ name, meaning, type }: ReadColumn): string {
  if (type === null) return `'null'`;
  const json = {
    // The zone is an interval, as its name would be looked up for each value. DateStyle does not affect `to_json`.
    instant: `to_json(${type === 'timestamp without time zone' ? name : `${name} AT TIME ZONE INTERVAL '0'`})`,
    // As text, since JSON's numbers end at 2^53 in JavaScript.
    bigint:
      type === 'bigint' || type === 'integer'
        ? `'"${PADDING}' || ${name} || '"'`
        : `to_json('${PADDING}' || ${name}::text)`,
    text: `to_json(${name}${type === 'text' ? '' : '::text'})`,
    // Integers are JSON as they are, and most rows have one.
    plain: type === 'integer' ? `${name}::text` : `to_json(${name})`,
  }[meaning];
  // A value that `concat_ws` leaves out would move those after it.
  return `coalesce(${json}, 'null')`;
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

export interface RowShape {
  columns: readonly ReadColumn[];
  /** Those of the row's `facts`, which follow, the primary key first; empty: they are unknown. Absent: it has none. */
  facts?: readonly ReadColumn[] | undefined;
  /** The property that has the key of the read. */
  key?: string;
}

/** Makes the rows of a key from the values of `jsonOfValues`. */
export function rowsOf<Row>({
  columns,
  facts,
  key: keyProperty,
}: RowShape): (key: string, values: readonly unknown[]) => Row[] {
  const RowClass = viewClass(columns);
  if (facts) {
    const FactsClass = viewClass(facts);
    define(RowClass, 'facts', function () {
      const start = this.$start + columns.length;
      const isKnown = facts.length > 0 && this.$values[start] !== null;
      return isKnown ? new FactsClass(this.$key, this.$values, start) : null;
    });
  }
  if (keyProperty !== undefined)
    define(RowClass, keyProperty, function () {
      return this.$key;
    });
  const width = columns.length + (facts?.length ?? 0);
  return (key, values) => {
    const rows: Row[] = [];
    for (let start = 0; start < values.length; start += width)
      rows.push(new RowClass(key, values, start) as Row);
    return rows;
  };
}

type Getter = (this: RowView) => unknown;

function define(view: typeof RowView, property: string, get: Getter): void {
  Object.defineProperty(view.prototype, property, { get, enumerable: true });
}

/** With getters, so that only selected instants are converted. */
function viewClass(columns: readonly ReadColumn[]): typeof RowView {
  class View extends RowView {}
  const valueAt = (row: RowView, at: number) => row.$values[row.$start + at];
  const instantAt = (row: RowView, at: number) => {
    const timestamp = valueAt(row, at);
    return typeof timestamp === 'string' ? isoInstant(timestamp) : null;
  };
  const required = columns.flatMap(({ meaning, optional }, at) =>
    meaning === 'instant' && !optional ? [at] : [],
  );
  for (const [at, { property, meaning }] of columns.entries()) {
    const getters: Record<ReadColumn['meaning'], Getter> = {
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
    define(View, property, getters[meaning]);
  }
  return View;
}
