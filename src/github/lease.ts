import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DataSource, IsNull, Not, Raw } from 'typeorm';
import { AppState } from './app-state.entity.js';

/** Seconds that a sync is believed to be under way after it was last heard of. */
const DURATION = 15;
const RENEWAL_INTERVAL = 5;
/** Minutes after which an interrupted sync begins anew, as much has changed since. */
const RESUMED_WITHIN = 10;
/** Milliseconds between two looks whether the holder is alive. */
const POLL_INTERVAL = 500;

export class SyncUnderWayError extends Error {
  constructor() {
    super('A sync of this App is under way already');
  }
}

/** The right to sync, of one process at a time: a row that its holder renews, and that expires where it was killed. */
export class Lease {
  readonly #dataSource: DataSource;
  readonly #mine: { appId: string; leaseHolder: string };
  readonly #lost = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | null = null;
  /** Of the interrupted sync that this one goes on with. */
  #position: string | null = null;

  private constructor(dataSource: DataSource, appId: string) {
    this.#dataSource = dataSource;
    this.#mine = { appId, leaseHolder: randomUUID() };
  }

  /**
   * Waits where the holder may have been killed.
   *
   * @throws {SyncUnderWayError} where the holder is alive
   */
  static async acquire(dataSource: DataSource, appId: string): Promise<Lease> {
    const lease = new Lease(dataSource, appId);
    let seen: Date | null = null;
    for (;;) {
      const leasedUntil = await lease.#take();
      if (leasedUntil === null) break;
      if (seen && leasedUntil > seen) throw new SyncUnderWayError();
      seen = leasedUntil;
      await sleep(POLL_INTERVAL);
    }
    lease.#timer = setInterval(() => lease.renew(), RENEWAL_INTERVAL * 1000).unref();
    return lease;
  }

  /** Aborted when another process has taken it, as this one was frozen, or without its database. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** All installations up to this id have been checked; `null`: none. */
  get position(): string | null {
    return this.#position;
  }

  set position(id: string) {
    this.#position = id;
    this.renew();
  }

  renew(): void {
    this.#writing ??= this.#renew().finally(() => {
      this.#writing = null;
    });
  }

  /** @param changes of a sync that has ended; an interrupted one keeps its place */
  async release(changes: Partial<AppState> | null): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    await this.#dataSource.manager.update(AppState, this.#mine, {
      ...(changes
        ? { ...changes, syncStartedAt: null, syncPosition: null }
        : { syncPosition: this.#position }),
      leaseHolder: null,
      leasedUntil: () => 'now()',
    });
  }

  /** @returns until when another has it; `null`: it is taken now */
  #take(): Promise<Date | null> {
    const { appId, leaseHolder } = this.#mine;
    return this.#dataSource.transaction(async (manager) => {
      await manager
        .createQueryBuilder()
        .insert()
        .into(AppState)
        .values({ appId })
        .orIgnore()
        .execute();
      const lock = { mode: 'pessimistic_write' } as const;
      const state = await manager.findOneOrFail(AppState, { where: { appId }, lock });
      const after = (time: string) => ({
        appId,
        leasedUntil: Raw((column) => `${column} > ${time}`),
      });
      if (await manager.existsBy(AppState, after('now()'))) return state.leasedUntil;
      const isResumed = await manager.existsBy(AppState, {
        ...after(`now() - interval '${RESUMED_WITHIN} minutes'`),
        syncStartedAt: Not(IsNull()),
      });
      this.#position = isResumed ? state.syncPosition : null;
      await manager.update(AppState, appId, {
        leaseHolder,
        leasedUntil: inSeconds(DURATION),
        syncPosition: this.#position,
        ...(!isResumed && { syncStartedAt: () => 'now()' }),
      });
      return null;
    });
  }

  async #renew(): Promise<void> {
    const changes = { leasedUntil: inSeconds(DURATION), syncPosition: this.#position };
    try {
      const { affected } = await this.#dataSource.manager.update(AppState, this.#mine, changes);
      if (affected === 0) this.#lost.abort();
    } catch {
      // Without the database for a moment; who takes it meanwhile is noticed afterwards.
    }
  }
}

function inSeconds(seconds: number): () => string {
  return () => `now() + interval '${seconds} seconds'`;
}
