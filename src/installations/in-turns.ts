import { setImmediate } from 'node:timers/promises';
import { CodedError } from '../errors.js';
import type { Context } from '../session/context.js';
import { LISTS_TIMEOUT } from '../timeouts.js';
import type { UserInstallations } from './installation.reader.js';

/** Arrays rewritten in one turn of the event loop: about half a millisecond, where each has 100 items. */
const ARRAYS_A_TURN = 4;

/** The end of the last list of each user, while there is one. */
const ends = new Map<string, Promise<void>>();
let lastTurn: Promise<void> = Promise.resolve();

/** A turn of the event loop for the caller alone, after those who asked before. */
function turn(): Promise<void> {
  lastTurn = lastTurn.then(() => setImmediate());
  return lastTurn;
}

/**
 * Rewrites a user's installations: at once, or, where they are so many that it takes milliseconds, while others
 * have their turns. Side by side all lists of a user would end when the last one does: so they go one after the other,
 * first come, first served. Users share the turns, and do not wait for each other's lists.
 *
 * @param join puts the rewritten arrays together, where there are several
 * @throws {CodedError} `SERVICE_UNAVAILABLE` where the user's other requests take too long. Nothing else ends those
 *   of clients who have left.
 */
export function inTurns<Result>(
  user: UserInstallations,
  context: Context,
  rewrite: (array: string) => Result,
  join: (rewritten: Result[]) => Result,
): Result | Promise<Result> {
  const arrays = user.installationsJson;
  if (arrays.length === 1) return rewrite(arrays[0] as string);
  context.lists ??= { until: performance.now() + LISTS_TIMEOUT, begun: false };
  const { lists } = context;
  const rewritten = (ends.get(user.id) ?? Promise.resolve()).then(async () => {
    if (!lists.begun && performance.now() > lists.until)
      throw new CodedError('SERVICE_UNAVAILABLE');
    lists.begun = true;
    const results: Result[] = [];
    for (const [at, array] of arrays.entries()) {
      if (at % ARRAYS_A_TURN === 0) await turn();
      results.push(rewrite(array));
    }
    return join(results);
  });
  const leave = () => {
    if (ends.get(user.id) === end) ends.delete(user.id);
  };
  const end = rewritten.then(leave, leave);
  ends.set(user.id, end);
  return rewritten;
}
