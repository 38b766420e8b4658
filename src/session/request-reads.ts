import { CodedError } from '../errors.js';
import { READS_TIMEOUT, within } from '../timeouts.js';

/**
 * The per-request memo: a request makes each of its reads once, also where it fails, and all of them end within
 * `READS_TIMEOUT`.
 */
export class RequestReads {
  #made: Map<string, Promise<unknown>> | undefined;
  #until = 0;

  /**
   * @param key names the read among those of all readers
   * @throws {CodedError} `SERVICE_UNAVAILABLE` where the request's time is over; else as the read does
   */
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
  return new CodedError('SERVICE_UNAVAILABLE', {
    cause: new Error('The reads of the request have timed out'),
  });
}
