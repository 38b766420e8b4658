import { setTimeout as sleep } from 'node:timers/promises';
import { SEAL_WAIT } from '../timeouts.js';
import type { Opened } from './session.js';

/** The pause of a slot after a failure, in times of its duration: failures take at most 4/9 of a processor for each slot. */
const REST = 1.25;

export interface Caller {
  readonly address: string;
  /** Requests without a valid session that its address may still send. */
  readonly remaining: number;
  /** Whether the client has left. */
  isGone(): boolean;
}

interface Opening {
  readonly key: string;
  readonly open: () => Promise<Opened>;
  readonly callers: Caller[];
  readonly since: number;
  readonly settled: Promise<Opened>;
  readonly settle: (opened: Opened) => void;
}

export interface QueueLimits {
  /** Openings at once. */
  slots: number;
  maxWaiting: number;
}

/** Opens expensive seals: addresses take turns, and a seal that arrives many times at once is opened once. */
export class OpeningQueue {
  readonly #maxWaiting: number;
  #freeSlots: number;
  /** Waiting or being opened, by seal. */
  readonly #pending = new Map<string, Opening>();
  /** Waiting, by address; the next address is the first. */
  readonly #lines = new Map<string, Opening[]>();
  #waiting = 0;

  constructor({ slots, maxWaiting }: QueueLimits) {
    this.#freeSlots = slots;
    this.#maxWaiting = maxWaiting;
  }

  waitingOf(address: string): number {
    return this.#lines.get(address)?.length ?? 0;
  }

  /** `unchecked`: too many wait, or it has waited for too long. Never rejects. */
  run(key: string, caller: Caller, open: () => Promise<Opened>): Promise<Opened> {
    const pending = this.#pending.get(key);
    if (pending) {
      pending.callers.push(caller);
      return pending.settled;
    }
    let settle: Opening['settle'] = () => {};
    const settled = new Promise<Opened>((resolve) => {
      settle = resolve;
    });
    const opening = { key, open, callers: [caller], since: performance.now(), settled, settle };
    this.#pending.set(key, opening);
    this.#enqueue(caller.address, opening);
    return settled;
  }

  #enqueue(address: string, opening: Opening): void {
    const line = this.#lines.get(address);
    if (line) line.push(opening);
    else this.#lines.set(address, [opening]);
    this.#waiting++;
    this.#fillSlots();
    if (this.#waiting > this.#maxWaiting) this.#shorten();
  }

  /** Refuses the newest of the longest line, so that one address leaves places to the others. */
  #shorten(): void {
    let longest: Opening[] = [];
    for (const line of this.#lines.values()) if (line.length > longest.length) longest = line;
    const refused = longest.pop();
    this.#waiting--;
    if (refused) this.#settle(refused, 'unchecked');
  }

  #fillSlots(): void {
    while (this.#freeSlots > 0) {
      const opening = this.#next();
      if (!opening) return;
      this.#freeSlots--;
      void this.#open(opening);
    }
  }

  #next(): Opening | undefined {
    for (const [address, line] of this.#lines) {
      this.#lines.delete(address);
      const opening = line.shift() as Opening;
      this.#waiting--;
      // Visited again by this loop, after the other addresses.
      if (line.length > 0) this.#lines.set(address, line);
      if (isAwaited(opening)) return opening;
      this.#settle(opening, 'unchecked');
    }
    return undefined;
  }

  async #open(opening: Opening): Promise<void> {
    const start = performance.now();
    const opened = await opening.open().catch((): Opened => 'unchecked');
    this.#settle(opening, opened);
    const failed = typeof opened === 'string';
    if (failed) await sleep((performance.now() - start) * REST, undefined, { ref: false });
    this.#freeSlots++;
    this.#fillSlots();
  }

  #settle({ key, settle }: Opening, opened: Opened): void {
    this.#pending.delete(key);
    settle(opened);
  }
}

function isAwaited({ since, callers }: Opening): boolean {
  return performance.now() - since < SEAL_WAIT && callers.some((caller) => !caller.isGone());
}
