import type { FastifyBaseLogger } from 'fastify';

/** Milliseconds between two lines. */
const INTERVAL = 60_000;

/** Logs the first refusal at once, and those of the next minute together. */
export class RefusedSignatures {
  readonly #log: Pick<FastifyBaseLogger, 'warn'>;
  #count = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(log: Pick<FastifyBaseLogger, 'warn'>) {
    this.#log = log;
  }

  report(): void {
    this.#count++;
    if (!this.#timer) this.#write();
  }

  #write(): void {
    this.#timer = null;
    if (this.#count === 0) return;
    this.#log.warn(
      { count: this.#count },
      'webhook deliveries without a right signature were refused: GITHUB_WEBHOOK_SECRET must be the secret of the App’s webhook',
    );
    this.#count = 0;
    this.#timer = setTimeout(() => this.#write(), INTERVAL).unref();
  }
}
