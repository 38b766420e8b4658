import pg from 'pg';
import { CancellingClient, type CancellingConfig } from './cancelling-client.js';

/** At its end, statements under way are cancelled: a backend that waits for a lock does not notice that nobody listens. */
export class CancellingPool extends pg.Pool {
  readonly #leased = new Set<CancellingClient>();

  constructor(config: pg.PoolConfig & CancellingConfig) {
    super({ ...config, Client: CancellingClient });
    this.on('acquire', (client) => this.#leased.add(client as unknown as CancellingClient));
    this.on('release', (_error, client) =>
      this.#leased.delete(client as unknown as CancellingClient),
    );
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | void {
    const ended = super.end();
    for (const client of this.#leased) client.abandon();
    return callback ? void ended.then(callback) : ended;
  }
}
