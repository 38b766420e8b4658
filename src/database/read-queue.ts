import { AsyncResource } from 'node:async_hooks';
import { statements } from '../observability/events.js';
import { SLOT_TIMEOUT } from '../timeouts.js';
import { DatabaseBusyError } from './availability.js';

/** What is asked of a user, by one request or several at once. */
class Read<Result> {
  readonly promise: Promise<Result>;
  resolve!: (result: Result) => void;
  reject!: (error: unknown) => void;
  /** Who asked first: traces show the statement under the request that waited longest for it. */
  readonly caller = new AsyncResource('Read');
  /** Since when it waits for its turn, by `performance.now()`. */
  waitsSince = 0;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/** Reads by the id of their user. */
export type Reads<Result> = Map<string, Read<Result>>;

export interface ReadQueueOptions<Result, Row> {
  /** Reads that share a statement, at most. */
  size: number;
  /** Statements under way at a time, at most. */
  statements: number;
  /** Milliseconds for a statement: fewer after a long wait for a turn, which is taken from them. */
  timeout: number;
  query(keys: string[], timeout: number): Promise<Row[]>;
  succeeded(reads: Reads<Result>, rows: Row[]): void;
  failed(reads: Reads<Result>, cause: unknown): void;
}

/** Reads that are worth a statement at once; fewer wait for each other while the process has more to read. */
const WORTH_A_STATEMENT = 8;
/** Milliseconds after which a statement is slow, and those who wait get one of their own. */
const BATCHING_DELAY = 5;

/**
 * Gathers reads into statements. One statement at a time carries the most requests: the next one gathers
 * while it is under way. Only a slow one, as behind a bad network, is not waited for.
 */
export class ReadQueue<Result, Row> {
  readonly #options: ReadQueueOptions<Result, Row>;
  #waiting: Reads<Result> = new Map();
  #statements = 0;
  #lastSuccess = 0;
  #tickEnd: NodeJS.Immediate | undefined;
  #delayEnd: NodeJS.Timeout | undefined;
  #slotTimeout: NodeJS.Timeout | undefined;

  constructor(options: ReadQueueOptions<Result, Row>) {
    this.#options = options;
  }

  read(key: string): Promise<Result> {
    const asked = this.#waiting.get(key);
    if (asked) return asked.promise;
    const read = new Read<Result>();
    this.add(key, read);
    return read.promise;
  }

  /** Takes over a read of another queue. */
  add(key: string, read: Read<Result>): void {
    const asked = this.#waiting.get(key);
    if (asked) {
      asked.promise.then(read.resolve, read.reject);
      return;
    }
    read.waitsSince = performance.now();
    this.#waiting.set(key, read);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#waiting.size === 0) return;
    if (this.#statements === this.#options.statements)
      this.#slotTimeout ??= setTimeout(this.#refuseTimedOut, SLOT_TIMEOUT);
    else if (this.#statements === 0) this.#tickEnd ??= setImmediate(this.#gather, 0);
    else this.#delayEnd ??= setTimeout(() => this.#send(), BATCHING_DELAY);
  }

  /**
   * Waits for one more turn of the event loop as long as each brings reads, up to as many as are worth a statement.
   * The busier the process, the more one carries, and the less it costs each; where nobody else asks, a turn is
   * next to nothing.
   */
  #gather = (gathered: number): void => {
    const { size } = this.#waiting;
    if (size === gathered || size >= this.#enough) this.#send(this.#half(0));
    else this.#tickEnd = setImmediate(this.#gather, size);
  };

  async #send(size = this.#options.size): Promise<void> {
    const reads = this.#take(size);
    const [first] = reads.values();
    // They may all have been refused since.
    if (!first) return;
    this.#statements++;
    this.#schedule();
    const started = performance.now();
    let rows: Row[];
    try {
      const keys = [...reads.keys()];
      const timeout = this.#timeLeft(first, started);
      rows = await first.caller.runInAsyncScope(() => this.#options.query(keys, timeout));
      this.#lastSuccess = performance.now();
    } catch (cause) {
      this.#options.failed(reads, cause);
      return;
    } finally {
      this.#next(reads.size);
      if (statements.hasSubscribers)
        statements.publish({ users: reads.size, milliseconds: performance.now() - started });
    }
    try {
      this.#options.succeeded(reads, rows);
    } catch (cause) {
      // Of rows that nobody expected, as where another program has changed the tables: the process lives on.
      this.#options.failed(reads, cause);
    }
  }

  /** What a turn took beyond its time is taken from the statement's: so both end in one time together. */
  #timeLeft(first: Read<Result>, now: number): number {
    const { timeout } = this.#options;
    const overtime = now - first.waitsSince - SLOT_TIMEOUT;
    // A process that stood still must not take its statements for late before they begin.
    return Math.min(timeout, Math.max(timeout - overtime, SLOT_TIMEOUT));
  }

  #take(size: number): Reads<Result> {
    clearImmediate(this.#tickEnd);
    clearTimeout(this.#delayEnd);
    this.#tickEnd = this.#delayEnd = undefined;
    const waiting = this.#waiting;
    if (waiting.size <= size) {
      this.#waiting = new Map();
      return waiting;
    }
    const reads: Reads<Result> = new Map();
    for (const [key, read] of waiting) {
      if (reads.size === size) break;
      reads.set(key, read);
      waiting.delete(key);
    }
    return reads;
  }

  /** Before the answers are given out, so that the database works on the next ones meanwhile. */
  #next(ended: number): void {
    this.#statements--;
    if (this.#waiting.size < this.#enough) this.#schedule();
    else this.#send(this.#half(ended));
  }

  get #enough(): number {
    return Math.min(WORTH_A_STATEMENT, this.#options.size);
  }

  /**
   * Of those who wait and those who are answered now: callers come back when they are answered, and in two
   * groups of one size the database reads for one while this process answers the other. Of 28 and 4, or of
   * all together, each waits for the other.
   */
  #half(ended: number): number {
    const present = this.#waiting.size + ended;
    const size = present < 2 * WORTH_A_STATEMENT ? present : Math.ceil(present / 2);
    return Math.min(size, this.#options.size);
  }

  /**
   * Whoever has waited too long, the first of all first: SLOT_TIMEOUT without a success, and in any case so
   * long that no more than SLOT_TIMEOUT is left for the statement.
   */
  #refuseTimedOut = (): void => {
    this.#slotTimeout = undefined;
    // They are about to be sent, however long this process stood still.
    if (this.#statements < this.#options.statements) return;
    const now = performance.now();
    const late: Reads<Result> = new Map();
    for (const [key, read] of this.#waiting) {
      const hopesUntil = Math.max(read.waitsSince, this.#lastSuccess) + SLOT_TIMEOUT;
      const timeLeft = Math.min(hopesUntil, read.waitsSince + this.#options.timeout) - now;
      if (timeLeft > 0) {
        this.#slotTimeout = setTimeout(this.#refuseTimedOut, timeLeft);
        break;
      }
      late.set(key, read);
      this.#waiting.delete(key);
    }
    if (late.size > 0) this.#options.failed(late, new DatabaseBusyError());
  };
}
