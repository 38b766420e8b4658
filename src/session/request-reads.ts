import { CodedError } from '../errors.js';
import { READS_TIMEOUT, within } from '../timeouts.js';

/** Memoizes the reads of one request, failed ones too; all of them end within `READS_TIMEOUT`. */
export class RequestReads {
  #made: Map<string, Promise<unknown>> | undefined;
  #until = 0;

  /** `key` is unique among the reads of all readers. @throws {CodedError} `SERVICE_UNAVAILABLE` when time is up */
  once<Result>(key: string, read: () => Promise<Result>): Promise<Result> {
    if (!this.#made) {
      // A read by itself ends sooner.
      this.#made = new Map();
      this.#until = performance.now() + READS_TIMEOUT;
      return this.#remember(key, read());
    }
    const made = this.#made.get(key) as Promise<Result> | undefined;
    return made ?? this.#remember(key, within(this.#until - performance.now(), read(), timedOut));
  }

  #remember<Result>(key: string, read: Promise<Result>): Promise<Result> {
    this.#made?.set(key, read);
    return read;
  }
}

function timedOut(): CodedError {
  return new CodedError('SERVICE_UNAVAILABLE');
}
