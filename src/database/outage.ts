import type { Log } from './prepare-tables.js';
import { reasonOf } from './reasons.js';

/** Logs each reason of an outage once, whatever number of requests meets it, and the end of the outage. */
export class Outage {
  readonly #log: Log;
  readonly #reasons = new Set<string>();
  /** How often it was reported. */
  reports = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  get isUnderWay(): boolean {
    return this.#reasons.size > 0;
  }

  /** @returns the reason, for an operator */
  report(error: unknown): string {
    this.reports++;
    const reason = reasonOf(error);
    if (!this.#reasons.has(reason)) this.#log.warn({ err: error }, reason);
    this.#reasons.add(reason);
    return reason;
  }

  end(): void {
    if (!this.isUnderWay) return;
    this.#reasons.clear();
    this.#log.info('the database is well again');
  }
}
