import { expect, test } from '@jest/globals';
import { RateCounters } from '../../src/http/rate-counters.js';

const MINUTE = 60_000;

function createCounters() {
  const counters = new RateCounters();
  const results: number[] = [];
  return {
    count: (key: string, window = MINUTE) => {
      counters.incr(key, (_, { current }) => results.push(current), window);
      return results.at(-1);
    },
    read: (key: string) => {
      counters.read(key, (_, { current }) => results.push(current));
      return results.at(-1);
    },
  };
}

test('a count survives 100,000 others', () => {
  const { count, read } = createCounters();
  for (let n = 1; n <= 10; n++) expect(count('mine')).toBe(n);
  for (let n = 0; n < 100_000; n++) count(`2001:db8:${n.toString(16)}::/64`);
  expect(read('mine')).toBe(10);
  expect(count('mine')).toBe(11);
});

test('counts end with their window, not with a step of the clock', () => {
  const { count, read } = createCounters();
  const { now } = Date;
  try {
    count('mine');
    for (const step of [-1, 1]) {
      Date.now = () => now() + step * 86_400_000;
      expect(read('mine')).toBe(1);
    }
  } finally {
    Date.now = now;
  }
  expect(count('short', 0)).toBe(1);
  expect(read('short')).toBe(0);
  expect(count('short')).toBe(1);
});
