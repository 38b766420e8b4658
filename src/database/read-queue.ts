import { AsyncResource } from 'node:async_hooks';
import { statements } from '../observability/events.js';
import { MIN_STATEMENT_TIMEOUT, READ_TIMEOUT, SLOT_TIMEOUT } from '../timeouts.js';
import { DatabaseBusyError } from './availability.js';

/** A read of one key, which several requests may share. */
class Read<Result> {
  readonly promise: Promise<Result>;
  resolve!: (result: Result) => void;
  reject!: (error: unknown) => void;
  /** Traces show the statement under the first request that waits for it. */
  readonly caller = new AsyncResource('Read');
  /** Milliseconds, by `performance.now()`, as `waitsSince`: in the queue of isolated reads, later. */
  readonly startedAt = performance.now();
  waitsSince = this.startedAt;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

export type Reads<Result> = Map<string, Read<Result>>;

export interface ReadQueueOptions<Result, Answer> {
  size: number;
  /** Slots: statements in flight. */
  statements: number;
  /** Milliseconds of a statement, at most; less where its reads have waited. */
  timeout: number;
  query(keys: string[], timeout: number): Promise<Answer>;
  succeeded(reads: Reads<Result>, answer: Answer): void;
  failed(reads: Reads<Result>, cause: unknown): void;
}

/** A batch of this size is sent at once; a smaller one waits while each tick brings more reads. */
const WORTH_A_STATEMENT = 8;
/** Milliseconds after which waiting reads get another slot, beside a slow statement. */
const BATCHING_DELAY = 5;

/** Gathers reads into batches, one SQL statement each; the next batch gathers while a statement is in flight. */
export class ReadQueue<Result, Answer> {
  readonly #options: ReadQueueOptions<Result, Answer>;
  #waiting: Reads<Result> = new Map();
  #statements = 0;
  #lastSuccess = 0;
  #tickEnd: NodeJS.Immediate | undefined;
  #delayEnd: NodeJS.Timeout | undefined;
  #slotTimeout: NodeJS.Timeout | undefined;

  constructor(options: ReadQueueOptions<Result, Answer>) {
    this.#options = options;
  }

  read(key: string): Promise<Result> {
    const asked = this.#waiting.get(key);
    if (asked) return asked.promise;
    const read = new Read<Result>();
    this.add(key, read);
    return read.promise;
  }

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

  #gather = (gathered: number): void => {
    const { size } = this.#waiting;
    if (size === gathered || size >= this.#enough) this.#send(this.#half(0));
    else this.#tickEnd = setImmediate(this.#gather, size);
  };

  async #send(size = this.#options.size): Promise<void> {
    const reads = this.#take(size);
    const [first] = reads.values();
    // All of them may have timed out.
    if (!first) return;
    this.#statements++;
    this.#schedule();
    const started = performance.now();
    let answer: Answer;
    try {
      const keys = [...reads.keys()];
      const timeLeft = Math.max(first.startedAt + READ_TIMEOUT - started, MIN_STATEMENT_TIMEOUT);
      const timeout = Math.min(this.#options.timeout, timeLeft);
      answer = await first.caller.runInAsyncScope(() => this.#options.query(keys, timeout));
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
      this.#options.succeeded(reads, answer);
    } catch (cause) {
      // Rows of another form than expected fail the batch, and not the process.
      this.#options.failed(reads, cause);
    }
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

  /** Runs before the answers are written, so that the database works meanwhile. */
  #next(ended: number): void {
    this.#statements--;
    if (this.#waiting.size < this.#enough) this.#schedule();
    else this.#send(this.#half(ended));
  }

  get #enough(): number {
    return Math.min(WORTH_A_STATEMENT, this.#options.size);
  }

  /** Half of all reads, with those just answered, as clients come back: database and process work on one half each. */
  #half(ended: number): number {
    const present = this.#waiting.size + ended;
    const size = present < 2 * WORTH_A_STATEMENT ? present : Math.ceil(present / 2);
    return Math.min(size, this.#options.size);
  }

  #refuseTimedOut = (): void => {
    this.#slotTimeout = undefined;
    // A free slot: the reads are about to be sent, however long the process paused.
    if (this.#statements < this.#options.statements) return;
    const now = performance.now();
    const timedOut: Reads<Result> = new Map();
    for (const [key, read] of this.#waiting) {
      const timeLeft = this.#waitsUntil(read) - now;
      if (timeLeft > 0) {
        this.#slotTimeout = setTimeout(this.#refuseTimedOut, timeLeft);
        break;
      }
      timedOut.set(key, read);
      this.#waiting.delete(key);
    }
    if (timedOut.size > 0) this.#options.failed(timedOut, new DatabaseBusyError());
  };

  /** While statements succeed, the queue is long and not dead: a read waits as long as a statement may take. */
  #waitsUntil({ startedAt, waitsSince }: Read<Result>): number {
    if (this.#lastSuccess > waitsSince)
      return Math.min(this.#lastSuccess + SLOT_TIMEOUT, waitsSince + this.#options.timeout);
    return Math.min(waitsSince + SLOT_TIMEOUT, startedAt + READ_TIMEOUT - MIN_STATEMENT_TIMEOUT);
  }
}
