import type { FastifyRateLimitStore } from '@fastify/rate-limit';
import { LRUCache } from 'lru-cache';

/** About 150 bytes each. One in use is dropped only after as many others have come since its last request. */
const MAX_COUNTERS = 131_072;

interface Window {
  count: number;
  /** By the clock of `performance.now()`, which no correction of the time moves. */
  readonly endsAt: number;
}

type Callback = (error: null, result: { current: number; ttl: number }) => void;

/** Counts for `@fastify/rate-limit`, whose own store holds 5,000 counters, and goes by the time of day. */
export class RateCounters implements FastifyRateLimitStore {
  readonly #windows = new LRUCache<string, Window>({ max: MAX_COUNTERS });

  incr(key: string, callback: Callback, timeWindow: number): void {
    const now = performance.now();
    let window = this.#windows.get(key);
    if (!window || now >= window.endsAt) {
      window = { count: 0, endsAt: now + timeWindow };
      this.#windows.set(key, window);
    }
    window.count++;
    callback(null, { current: window.count, ttl: window.endsAt - now });
  }

  /** As `incr`, without counting. */
  read(key: string, callback: Callback): void {
    const { count = 0, endsAt = 0 } = this.#windows.peek(key) ?? {};
    const ttl = Math.max(0, endsAt - performance.now());
    callback(null, { current: ttl > 0 ? count : 0, ttl });
  }

  /** One store for all routes. */
  child(): this {
    return this;
  }
}
