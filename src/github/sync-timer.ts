import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { AppState } from './app-state.entity.js';
import { SyncUnderWayError } from './lease.js';
import { type SyncOptions, sync } from './sync.js';

export interface SyncTimerOptions extends Omit<SyncOptions, 'signal' | 'report'> {
  /** Seconds from the end of one to the next; `null`: the first one alone, and what was interrupted. */
  interval: number | null;
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>;
  /** Milliseconds that a second of its pauses takes: less in tests. */
  second?: number;
}

/** Part of the interval, so that instances do not keep step. */
const JITTER = 0.1;
/** Seconds after a sync that has failed, or that another instance has begun, doubled with each. */
const PAUSE = { first: 60, longest: 3600 };

/** Syncs once where this App never was, and then by the interval; the database says when the last one was, of whatever instance. */
export class SyncTimer {
  readonly #options: SyncTimerOptions;
  readonly #ending = new AbortController();
  #running: Promise<void> | null = null;

  constructor(options: SyncTimerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run().catch(() => {});
  }

  /** The place of a sync that is under way is kept. */
  async close(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log, second = 1000 } = this.#options;
    const { signal } = this.#ending;
    let failures = 0;
    for (;;) {
      const pause = Math.min(PAUSE.first * 2 ** (failures - 1), PAUSE.longest);
      const due = await this.#secondsUntilDue().catch(() => 0);
      if (due === null) return;
      const seconds = Math.max(due, failures > 0 ? pause : 0);
      if (seconds > 0) await sleep(seconds * second, undefined, { signal, ref: false });
      // Another instance may have synced meanwhile.
      if (seconds > 0 && (await this.#secondsUntilDue().catch(() => 0)) !== 0) continue;
      try {
        const summary = await sync({ ...this.#options, signal, report: this.#report });
        const isComplete = summary.failed === 0;
        if (isComplete) log.info(summary, 'synced with GitHub');
        else log.warn(summary, 'synced with GitHub, but not all: it is tried again');
        failures = isComplete ? 0 : failures + 1;
      } catch (error) {
        signal.throwIfAborted();
        failures += 1;
        if (error instanceof SyncUnderWayError) failures = 1;
        else log.warn({ err: error }, 'the sync with GitHub has failed: it is tried again');
      }
    }
  }

  /** @returns `null`: never */
  async #secondsUntilDue(): Promise<number | null> {
    const { dataSource, appId, interval } = this.#options;
    const state = await dataSource.manager.findOneBy(AppState, { appId });
    if (!state?.syncedAt || state.syncStartedAt) return 0;
    if (interval === null) return null;
    const age = (Date.now() - state.syncedAt.getTime()) / 1000;
    const jittered = interval * (1 - JITTER + 2 * JITTER * Math.random());
    return Math.max(0, jittered - age);
  }

  #report = {
    progress() {},
    line: (text: string) => this.#options.log.warn(text),
  };
}
