import { write, writeSync } from 'node:fs';
import { LOG_FLUSH_TIMEOUT, LOG_LAST_FLUSH_TIMEOUT, LOG_RETRY_INTERVAL } from '../timeouts.js';
import { droppedLines } from './events.js';

/** Characters. As many may belong to the write in progress. */
const MAX_WAITING = 1024 * 1024;
const STDOUT = 1;
const NEVER = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes to standard output in order, without ever holding the process. While it cannot be written, as on a full disk or
 * without a reader, a bounded number of lines waits, and others are dropped and counted.
 */
export class LogOutput {
  /** Called when everything has been written after some lines were dropped. */
  onResume: (dropped: number) => void = () => {};
  #waiting = '';
  /** Of the write in progress, or what the last one has left. */
  #chunk = Buffer.alloc(0);
  /** When the write in progress began, in milliseconds; `null`: there is none. */
  #writingSince: number | null = null;
  #retry: NodeJS.Timeout | null = null;
  #dropped = 0;
  #flushed: () => void = () => {};

  constructor() {
    // Makes a pipe or a socket non-blocking: the exit would wait for a thread that is blocked in a write.
    void process.stdout;
  }

  write(text: string): void {
    if (this.#waiting.length + text.length > MAX_WAITING) {
      this.#dropped++;
      if (droppedLines.hasSubscribers) droppedLines.publish(1);
      return;
    }
    this.#waiting += text;
    if (this.#writingSince === null && this.#retry === null) this.#writeNext();
  }

  /** Resolves when everything has been written, at the latest after LOG_FLUSH_TIMEOUT. */
  async flush(): Promise<void> {
    if (this.#isEmpty()) return;
    await new Promise<void>((resolve) => {
      this.#flushed = resolve;
      setTimeout(resolve, LOG_FLUSH_TIMEOUT);
    });
  }

  /** For the event `exit`, after which no callback runs. */
  flushSync(): void {
    if (this.#writingSince !== null) {
      // Its thread completes the write before the exit, or prevents the exit, as on a network file system that is away.
      if (performance.now() - this.#writingSince >= LOG_FLUSH_TIMEOUT)
        process.kill(process.pid, 'SIGKILL');
      this.#chunk = Buffer.alloc(0);
    }
    const deadline = performance.now() + LOG_LAST_FLUSH_TIMEOUT;
    for (let rest = this.#takeChunk(); rest.length > 0; ) {
      try {
        rest = rest.subarray(writeSync(STDOUT, rest));
      } catch (error) {
        if (!isFull(error) || performance.now() > deadline) return;
        Atomics.wait(NEVER, 0, 0, 10);
      }
    }
  }

  #isEmpty(): boolean {
    return this.#chunk.length === 0 && this.#waiting === '';
  }

  #takeChunk(): Buffer {
    const chunk = Buffer.concat([this.#chunk, Buffer.from(this.#waiting)]);
    this.#waiting = '';
    return chunk;
  }

  #writeNext(): void {
    if (this.#chunk.length === 0) {
      this.#chunk = Buffer.from(this.#waiting);
      this.#waiting = '';
    }
    this.#writingSince = performance.now();
    write(STDOUT, this.#chunk, (error, written) => {
      this.#writingSince = null;
      if (error) return this.#retryLater();
      this.#chunk = this.#chunk.subarray(written);
      if (!this.#isEmpty()) return this.#writeNext();
      this.#flushed();
      this.#reportDropped();
    });
  }

  #retryLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#writeNext();
    }, LOG_RETRY_INTERVAL).unref();
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.onResume(dropped);
  }
}

/** A pipe or a socket whose reader is slow. */
function isFull(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EAGAIN';
}
