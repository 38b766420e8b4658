import { setImmediate as tick } from 'node:timers/promises';

/** Rows of a list, above which it is written in a turn of its own: some milliseconds. */
export const MANY_ROWS = 500;

let last: Promise<unknown> = Promise.resolve();

/** A turn of the event loop for each caller: requests that share one large read would else hold up all others. */
export function ownTurn(): Promise<unknown> {
  last = last.then(() => tick());
  return last;
}
