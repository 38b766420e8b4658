import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { type DataSource, In, IsNull, Not, Raw } from 'typeorm';
import { repeatedTransaction } from '../database/repeated-transaction.js';
import type { Grants } from '../grants/grants.js';
import { InstallationFact } from '../installations/installation-fact.entity.js';
import { type AppRefusedError, refusalOf } from './app.js';
import { type GithubClients, isOfApp, rateLimitOf } from './client.js';
import { fetchTruth } from './fetch-truth.js';
import { OneAtATime } from './one-at-a-time.js';
import type { Truth } from './truth.js';
import { writeNewer } from './write-newer.js';
import { type Writer, writeMissing, writeTruth } from './write-truth.js';

export interface RefetcherOptions {
  dataSource: DataSource;
  /** Of which no request waits long: a longer wait for a rate limit is kept in the database. */
  clients: GithubClients;
  grants: Grants;
  /** Another App's installations are not asked for: GitHub would not know them. */
  appId: string;
  log: Pick<FastifyBaseLogger, 'warn'>;
  /** Milliseconds that a second of its pauses takes: less in tests. */
  second?: number;
  /** Seconds until an installation whose instance has died is taken by another. */
  claim?: number;
}

/** Installations that are asked for at once. */
const CONCURRENCY = 4;
/** Seconds between two looks for marks of other instances, and for what waits after a failure. */
const POLL_INTERVAL = 3;
const CLAIM = 60;
/** Seconds after the first failure, doubled with each. */
const PAUSE = { first: 2, longest: 300 };
/** Minutes after GitHub has refused the App's key, doubled with each. */
const REFUSED_PAUSE = { first: 1, longest: 30 };
/** 404s in a row until an installation is missing: a new one is not known everywhere at GitHub at once. */
const MISSING_TRIES = 3;
/** Answers in a row that are outdated as they arrive. */
const OUTDATED_TRIES = 3;
/** Milliseconds at the end for what is under way. */
const GRACE = 2_000;

/**
 * Asks GitHub for the installations that are marked, and writes what it says. The marks are in the database: a crash
 * loses none, and one instance at a time works on an installation, which it has claimed by `refetch_after`.
 */
export class Refetcher {
  readonly #options: RefetcherOptions;
  readonly #second: number;
  readonly #claim: number;
  readonly #writer: Writer;
  readonly #underWay = new Map<string, Promise<void>>();
  #timers: NodeJS.Timeout[] = [];
  #isClosing = false;
  #isClosed = false;
  #taking: Promise<void> | null = null;
  #takesAgain = false;
  #pausedUntil = 0;
  /** In a row. */
  #refusals = 0;
  /** 404s in a row of installations. */
  readonly #unknown = new Map<string, number>();
  #isAway = false;

  constructor(options: RefetcherOptions) {
    this.#options = options;
    this.#second = options.second ?? 1000;
    this.#claim = options.claim ?? CLAIM;
    const { dataSource, grants } = options;
    // So that deliveries find a free connection.
    const writes = new OneAtATime();
    this.#writer = {
      dataSource,
      grants,
      transact: (work) =>
        writes.run(() => {
          if (this.#isClosed) throw new Error('closed');
          return repeatedTransaction(dataSource, work);
        }),
    };
  }

  start(): void {
    const every = (seconds: number, work: () => void) =>
      setInterval(work, seconds * this.#second).unref();
    this.#timers = [
      every(POLL_INTERVAL, () => this.wake()),
      every(this.#claim / 3, () => void this.#renewClaims()),
    ];
    this.wake();
  }

  /** After the commit of a mark. */
  wake(): void {
    if (this.#taking) {
      this.#takesAgain = true;
      return;
    }
    this.#takesAgain = false;
    this.#taking = this.#take().finally(() => {
      this.#taking = null;
      if (this.#takesAgain) this.wake();
    });
  }

  /** Lets what is under way finish for a moment; the rest keeps its marks, and another instance may take it. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const timer of this.#timers) clearInterval(timer);
    const ended = Promise.resolve(this.#taking).then(() => Promise.all(this.#underWay.values()));
    await Promise.race([ended, sleep(GRACE, undefined, { ref: false })]);
    this.#isClosed = true;
    await Promise.all([...this.#underWay.keys()].map((id) => this.#postpone(id, 0))).catch(
      () => {},
    );
  }

  /** Claims as many as may be asked for at once, and asks for them. */
  async #take(): Promise<void> {
    const free = CONCURRENCY - this.#underWay.size;
    if (this.#isClosing || free === 0 || Date.now() < this.#pausedUntil) return;
    try {
      for (const id of await this.#claimDue(free)) {
        const asking = this.#refetch(id).finally(() => {
          this.#underWay.delete(id);
          this.wake();
        });
        this.#underWay.set(id, asking);
      }
      this.#isAway = false;
    } catch (error) {
      if (!this.#isAway)
        this.#options.log.warn({ err: error }, 'what GitHub says cannot be written');
      this.#isAway = true;
    }
  }

  #claimDue(free: number): Promise<string[]> {
    const { dataSource, appId } = this.#options;
    const due = {
      dirtySince: Not(IsNull()),
      refetchAfter: Raw((column) => `${column} <= now()`),
      deletedAt: IsNull(),
    };
    return dataSource.transaction(async (manager) => {
      const rows = await manager.find(InstallationFact, {
        select: { id: true },
        where: [
          { ...due, appId },
          { ...due, appId: IsNull() },
        ],
        order: { refetchAfter: 'ASC' },
        take: free,
        lock: { mode: 'pessimistic_write', onLocked: 'skip_locked' },
      });
      const ids = rows.map(({ id }) => id);
      const claimed = { refetchAfter: this.#in(this.#claim) };
      if (ids.length > 0) await manager.update(InstallationFact, ids, claimed);
      return ids;
    });
  }

  async #refetch(id: string): Promise<void> {
    const { log } = this.#options;
    try {
      await this.#ask(id);
    } catch (error) {
      if (this.#isClosed) return;
      const refusal = isOfApp(error) && isUnauthorized(error) ? refusalOf(error) : null;
      // Where these fail as well, the claim ends by itself.
      if (refusal) {
        this.#pauseAfter(refusal);
        await this.#postpone(id, 0).catch(() => {});
        return;
      }
      log.warn({ err: error, installation: id }, 'asking GitHub has failed: it is asked again');
      const wait = rateLimitOf(error);
      if (wait && isOfApp(error)) this.#pausedUntil = Date.now() + wait * this.#second;
      await this.#fail(id, wait).catch(() => {});
    }
  }

  /** Of the key, whatever is asked: several that are under way are refused at once. */
  #pauseAfter(refusal: AppRefusedError): void {
    if (Date.now() < this.#pausedUntil) return;
    const minutes = Math.min(REFUSED_PAUSE.first * 2 ** this.#refusals, REFUSED_PAUSE.longest);
    this.#pausedUntil = Date.now() + 60 * minutes * this.#second;
    if (this.#refusals === 0)
      this.#options.log.warn({ err: refusal }, 'GitHub is not asked until it accepts the key');
    this.#refusals += 1;
  }

  /** @throws whatever GitHub or the database fails with */
  async #ask(id: string): Promise<void> {
    const { dataSource, clients } = this.#options;
    let outdated: Truth | null = null;
    for (let tries = 1; tries <= OUTDATED_TRIES; tries++) {
      const known = await dataSource.manager.findOneBy(InstallationFact, { id });
      if (!known?.dirtySince || known.deletedAt) return;
      const truth = await this.#fetch(clients, id);
      if (this.#isClosed) return;
      outdated = truth;
      if (!truth) {
        if ((this.#unknown.get(id) ?? 0) < MISSING_TRIES) break;
        if (await writeMissing(this.#writer, known)) return;
        continue;
      }
      const changes = await writeTruth(this.#writer, truth, known);
      if (changes?.isDone) return;
      if (changes) outdated = null;
      if (changes) break;
    }
    if (outdated) await writeNewer(this.#writer, outdated);
    await this.#fail(id);
  }

  async #fetch(clients: GithubClients, id: string): Promise<Truth | null> {
    const unknown = this.#unknown.get(id) ?? 0;
    this.#unknown.delete(id);
    const truth = await fetchTruth(clients, id);
    if (!truth) this.#unknown.set(id, unknown + 1);
    this.#refusals = 0;
    return truth;
  }

  /** @param wait seconds, as GitHub says */
  async #fail(id: string, wait: number | null = null): Promise<void> {
    const { manager } = this.#options.dataSource;
    const { refetchFailures } = await manager.findOneByOrFail(InstallationFact, { id });
    const pause = Math.min(PAUSE.first * 2 ** refetchFailures, PAUSE.longest);
    await this.#postpone(id, wait ?? pause, { refetchFailures: refetchFailures + 1 });
  }

  async #postpone(id: string, seconds: number, changes = {}): Promise<void> {
    const { manager } = this.#options.dataSource;
    const marked = { id, dirtySince: Not(IsNull()) };
    await manager.update(InstallationFact, marked, { ...changes, refetchAfter: this.#in(seconds) });
  }

  /** Asking may take longer than a claim: for thousands of repositories, or for a rate limit. */
  async #renewClaims(): Promise<void> {
    if (this.#underWay.size === 0) return;
    const id = In([...this.#underWay.keys()]);
    // Those that have just ended are not claimed any more.
    const refetchAfter = Raw((column) => `${column} > now()`);
    await this.#options.dataSource.manager
      .update(InstallationFact, { id, refetchAfter }, { refetchAfter: this.#in(this.#claim) })
      .catch(() => {});
  }

  /** By the database's clock, which all instances share. */
  #in(seconds: number): () => string {
    const milliseconds = Math.round(seconds * this.#second);
    return () => `now() + interval '${milliseconds} milliseconds'`;
  }
}

function isUnauthorized(error: unknown): error is { status: 401 } {
  return (error as { status?: unknown }).status === 401;
}
