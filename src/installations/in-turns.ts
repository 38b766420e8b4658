import { setImmediate } from 'node:timers/promises';
import { CodedError } from '../errors.js';
import { LISTS_TIMEOUT } from '../timeouts.js';
import type { UserInstallations } from './installation.reader.js';

/** Arrays rewritten in one turn of the event loop: about half a millisecond, where each has 100 items. */
const ARRAYS_A_TURN = 4;

/** Of users whose lists are being rewritten: until the last of them is. */
const lists = new Map<string, Promise<void>>();

/**
 * Rewrites a user's installations, of which there are so many that it takes milliseconds, while others have their
 * turns. Side by side all lists of a user would end when the last one does: so one after the other, first come,
 * first served. Nobody waits for another user's.
 *
 * @throws {CodedError} `SERVICE_UNAVAILABLE` after a long wait, so that nobody's requests pile up: of clients who
 *   have left nothing else ends them
 */
export function inTurns<Result>(
  user: UserInstallations,
  rewrite: (array: string) => Result,
): Promise<Result[]> {
  const asked = performance.now();
  const rewritten = (lists.get(user.id) ?? Promise.resolve()).then(async () => {
    if (performance.now() - asked > LISTS_TIMEOUT) throw new CodedError('SERVICE_UNAVAILABLE');
    const results: Result[] = [];
    for (const array of user.installationsJson) {
      if (results.push(rewrite(array)) % ARRAYS_A_TURN === 0) await setImmediate();
    }
    return results;
  });
  const last = rewritten
    .then(
      // Whoever waited for it works on now.
      () => setImmediate(),
      () => {},
    )
    .then(() => {
      if (lists.get(user.id) === last) lists.delete(user.id);
    });
  lists.set(user.id, last);
  return rewritten;
}
