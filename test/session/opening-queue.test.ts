import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { OpeningQueue } from '../../src/session/opening-queue.js';
import type { Opened } from '../../src/session/session.js';
import { SEAL_WAIT } from '../../src/timeouts.js';

const from = (address: string, isGone = () => false) => ({ address, remaining: 1, isGone });
const session = (id: string): Opened => ({ viewer: { id }, rejection: null, endsAt: 0 });
/** Long enough for all openings that need no time. */
const settled = () => sleep(10);

/** A queue with one slot, which `release` frees. */
async function busyQueue(maxWaiting = 100) {
  const queue = new OpeningQueue({ slots: 1, maxWaiting });
  let release = () => {};
  const busy = new Promise<void>((resolve) => {
    release = resolve;
  });
  void queue.run('busy', from('any'), async () => {
    await busy;
    return session('busy');
  });
  const opened: string[] = [];
  const results = new Map<string, Opened>();
  const add = (key: string, caller = from('a')) =>
    queue
      .run(key, caller, async () => {
        opened.push(key);
        return session(key);
      })
      .then((result) => results.set(key, result));
  return { queue, release, add, opened, results };
}

describe('The queue of expensive seals', () => {
  test('lets addresses take turns', async () => {
    const { release, add, opened } = await busyQueue();
    for (const key of ['a1', 'a2', 'a3']) add(key, from('a'));
    for (const key of ['b1', 'b2']) add(key, from('b'));
    add('c1', from('c'));
    release();
    await settled();
    expect(opened).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  test('opens a seal once that arrives many times at once', async () => {
    const { queue, release, add, opened } = await busyQueue();
    const results = Array.from({ length: 100 }, (_, n) =>
      queue.run('seal', from(`address ${n}`), async () => {
        opened.push('seal');
        return session('ada');
      }),
    );
    add('other');
    release();
    expect(new Set(await Promise.all(results))).toEqual(new Set([session('ada')]));
    await settled();
    expect(opened).toEqual(['seal', 'other']);
  });

  test('refuses the newest of the longest line when too many wait', async () => {
    const { release, add, opened, results } = await busyQueue(4);
    for (const key of ['a1', 'a2', 'a3', 'a4']) add(key, from('a'));
    for (const key of ['b1', 'b2']) add(key, from('b'));
    await settled();
    expect([...results]).toEqual([
      ['a4', 'unchecked'],
      ['a3', 'unchecked'],
    ]);
    release();
    await settled();
    expect(opened).toEqual(['a1', 'b1', 'a2', 'b2']);
  });

  test('skips what has waited for too long, or has no client any more', async () => {
    const { release, add, opened, results } = await busyQueue();
    add(
      'left',
      from('a', () => true),
    );
    const now = performance.now;
    performance.now = () => now.call(performance) - SEAL_WAIT - 1;
    add('old');
    performance.now = now;
    add('new');
    release();
    await settled();
    expect(opened).toEqual(['new']);
    expect([results.get('left'), results.get('old')]).toEqual(['unchecked', 'unchecked']);
  });

  test('rests after what does not open, longer than that has taken', async () => {
    const queue = new OpeningQueue({ slots: 1, maxWaiting: 100 });
    const ends: number[] = [];
    const open = (result: Opened) => async () => {
      await sleep(20);
      ends.push(performance.now());
      return result;
    };
    await Promise.all([
      queue.run('1', from('a'), open('forged')),
      queue.run('2', from('a'), open('forged')),
      queue.run('3', from('a'), open(session('ada'))),
    ]);
    expect(Number(ends[1]) - Number(ends[0])).toBeGreaterThan(39);
    expect(Number(ends[2]) - Number(ends[1])).toBeGreaterThan(39);
  });

  test('goes on after an opening that fails', async () => {
    const queue = new OpeningQueue({ slots: 1, maxWaiting: 100 });
    const failed = queue.run('1', from('a'), () => Promise.reject(new Error('no thread')));
    expect(await failed).toBe('unchecked');
    expect(await queue.run('2', from('a'), async () => session('ada'))).toEqual(session('ada'));
  });
});
