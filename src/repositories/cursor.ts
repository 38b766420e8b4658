import type { PageKey } from '../database/page-plan.js';

/** The order of a row: its name in lower case, and its id. */
export type Position = NonNullable<PageKey['after']>;

/** Names of GitHub are shorter. */
const LONGEST = 1_000;

/** The letters of ASCII alone, as PostgreSQL does under the collation "C". */
export function positionOf({ name, id }: { name: string; id: string }): Position {
  return [name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()), id];
}

/** A text that clients do not look into. */
export function cursorOf(position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** @returns `null`: it is no cursor of this server */
export function positionAt(cursor: string): Position | null {
  if (cursor.length > LONGEST) return null;
  let position: unknown;
  try {
    position = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return null;
  }
  if (!Array.isArray(position)) return null;
  const [lower, id] = position;
  const isPosition =
    typeof lower === 'string' &&
    typeof id === 'string' &&
    /^\d{1,18}$/.test(id) &&
    // PostgreSQL's text holds neither NUL nor a lone surrogate.
    lower.isWellFormed() &&
    !lower.includes('\0') &&
    // As it was written here, not another text for the same.
    cursorOf([lower, id]) === cursor;
  return isPosition ? [lower, id] : null;
}
