import { once } from 'node:events';
import { type DataSource, IsNull, MoreThan, Not } from 'typeorm';
import { repeatedTransaction } from '../database/repeated-transaction.js';
import { messageOf } from '../errors.js';
import type { Grants } from '../grants/grants.js';
import { InstallationFact } from '../installations/installation-fact.entity.js';
import { fetchApp } from './app.js';
import { AppState } from './app-state.entity.js';
import { type GithubClients, rateLimitOf } from './client.js';
import { fetchTruth } from './fetch-truth.js';
import { idOf, objectsOf } from './from-github.js';
import { refreshRequests } from './installation-requests.js';
import { Lease } from './lease.js';
import { MemberLists } from './member-lists.js';
import { OneAtATime } from './one-at-a-time.js';
import { redeliver } from './redelivery.js';
import { NOTHING, type SyncSummary } from './sync-summary.js';
import type { Truth } from './truth.js';
import { type Changes, type Writer, writeMissing, writeTruth } from './write-truth.js';

export interface SyncOptions {
  dataSource: DataSource;
  clients: GithubClients;
  grants: Grants;
  appId: string;
  /** One installation alone, by its id. */
  installation?: string | undefined;
  /** Changes nothing, and reports what it would. */
  dryRun?: boolean;
  /** Beyond the brake. */
  force?: boolean;
  /** Also for another App than before. */
  otherApp?: boolean;
  /** Whether GitHub delivers to this server what it could not deliver before. */
  redelivers: boolean;
  signal: AbortSignal;
  report?: SyncReport;
}

export interface SyncReport {
  progress(done: number, total: number): void;
  line(text: string): void;
}

class SyncInterruptedError extends Error {
  constructor() {
    super('The sync was interrupted; the next one goes on from there');
  }
}

/** Installations that are asked for at once. */
const CONCURRENCY = 4;
/** Answers in a row that are outdated or incomplete as they arrive, refused as the installation has just changed, or 404. */
const TRIES = 3;
const CHANGED_MEANWHILE = [401, 403, 404];
/** What a sync would hide at most without `force`; fewer than `count` are always hidden. */
const BRAKE = { count: 10, share: 0.2 };

const SILENT: SyncReport = { progress() {}, line() {} };

/**
 * Compares all installations of the App with GitHub.
 *
 * @throws {AppRefusedError} where the key is not the App's: nothing was changed
 * @throws {SyncUnderWayError}
 * @throws {SyncInterruptedError}
 */
export async function sync(options: SyncOptions): Promise<SyncSummary> {
  const { dataSource, clients, appId, installation, dryRun } = options;
  const { slug } = await fetchApp(clients, appId);
  if (!options.otherApp) await refuseOtherApp(dataSource, appId);
  // These two write nothing that a sync beside them could break.
  if (installation !== undefined) return new Sync(options).one(installation);
  if (dryRun) return new Sync(options).all();
  const lease = await Lease.acquire(dataSource, appId);
  try {
    const syncSummary = await new Sync(options, lease).all();
    const isComplete = syncSummary.failed === 0;
    await lease.release({
      slug,
      ...(isComplete && { syncedAt: new Date(), syncSummary: { ...syncSummary } }),
    });
    return syncSummary;
  } catch (error) {
    // Where this fails as well, the lease ends by itself.
    await lease.release(null).catch(() => {});
    throw error;
  }
}

/** An App that was configured by mistake would make all that is there missing, or mix with it. */
async function refuseOtherApp({ manager }: DataSource, appId: string): Promise<void> {
  const own = await manager.findOneBy(AppState, { appId });
  const since = own?.syncedAt ?? null;
  const others = { appId: Not(appId) };
  const isOther = since
    ? await manager.existsBy(AppState, { ...others, syncedAt: MoreThan(since) })
    : (await manager.existsBy(AppState, { ...others, syncedAt: Not(IsNull()) })) ||
      (await manager.existsBy(InstallationFact, { ...others, deletedAt: IsNull() }));
  if (isOther)
    throw new Error(
      'Another App than GITHUB_APP_ID was synced before: to add this one, use sync --other-app',
    );
}

class Sync {
  readonly #options: SyncOptions;
  readonly #report: SyncReport;
  readonly #lease: Lease | null;
  readonly #signal: AbortSignal;
  readonly #summary = { ...NOTHING };
  readonly #writer: Writer;
  /** Those that GitHub does not know, as they were before it was asked; `null`: not known here either. */
  readonly #gone = new Map<string, InstallationFact | null>();

  constructor(options: SyncOptions, lease: Lease | null = null) {
    this.#options = options;
    this.#report = options.report ?? SILENT;
    this.#lease = lease;
    this.#signal = lease ? AbortSignal.any([options.signal, lease.lost]) : options.signal;
    const { dataSource, grants, dryRun: isDry = false } = options;
    // So that deliveries find a free connection.
    const writes = new OneAtATime();
    this.#writer = {
      dataSource,
      grants,
      isDry,
      transact: (work) =>
        writes.run(() => {
          if (this.#signal.aborted) throw new SyncInterruptedError();
          return repeatedTransaction(dataSource, work);
        }),
    };
  }

  async one(id: string): Promise<SyncSummary> {
    const { dataSource, appId } = this.#options;
    const known = await dataSource.manager.findOneBy(InstallationFact, { id });
    if (known?.appId && known.appId !== appId)
      throw new Error('That is an installation of another App than GITHUB_APP_ID');
    if (known?.deletedAt)
      throw new Error('That installation was uninstalled: it does not come back');
    await this.#untilAborted(this.#check(id));
    if (this.#gone.get(id) === null)
      throw new Error('GitHub knows no such installation of this App');
    await this.#hideGone();
    return this.#summary;
  }

  async all(): Promise<SyncSummary> {
    await this.#untilAborted(this.#all());
    return this.#summary;
  }

  async #all(): Promise<void> {
    const listed = await this.#listInstallations();
    const known = await this.#knownInstallations();
    const absent = known.filter((id) => !listed.has(id));
    const position = BigInt(this.#lease?.position ?? 0);
    const present = [...listed]
      .filter((id) => BigInt(id) > position)
      .sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
    if (position > 0n) this.#report.line('Goes on with a sync that was interrupted');
    await this.#checkAll(present, absent);
    this.#brake(known.length);
    await this.#hideGone();
    if (this.#options.redelivers) await this.#redeliver();
    if (!this.#options.dryRun) await this.#listPeople();
  }

  /** What neither an installation nor its repositories tell. */
  async #listPeople(): Promise<void> {
    const { dataSource, clients, grants, appId } = this.#options;
    const onFailure = (error: unknown, accountId: string) =>
      this.#fail(
        `The members of the organization ${accountId} could not be listed: ${messageOf(error)}`,
      );
    try {
      await new MemberLists({ dataSource, clients, grants, onFailure }).refresh(this.#signal);
      await refreshRequests(dataSource, clients, appId);
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#fail(`Members and requests could not be asked for: ${messageOf(error)}`);
    }
  }

  async #listInstallations(): Promise<Set<string>> {
    const ids = new Set<string>();
    const { app } = this.#options.clients;
    for await (const { data } of app.paginate.iterator('GET /app/installations', {
      per_page: 100,
    })) {
      for (const json of objectsOf(data)) {
        const id = idOf(json.id);
        if (id !== null) ids.add(id);
      }
    }
    return ids;
  }

  /** Those that are served; also what is marked and cannot be told yet. */
  async #knownInstallations(): Promise<string[]> {
    const { dataSource, appId } = this.#options;
    const served = { deletedAt: IsNull(), missingSince: IsNull() };
    const marked = { deletedAt: IsNull(), dirtySince: Not(IsNull()) };
    const rows = await dataSource.manager.find(InstallationFact, {
      select: { id: true },
      where: [served, marked].flatMap((where) => [
        { ...where, appId },
        { ...where, appId: IsNull() },
      ]),
    });
    return rows.map(({ id }) => id);
  }

  async #checkAll(present: readonly string[], absent: readonly string[]): Promise<void> {
    const total = present.length + absent.length;
    const isDone: boolean[] = [];
    let done = 0;
    let first = 0;
    const work = [...present, ...absent].entries();
    await Promise.all(
      Array.from({ length: CONCURRENCY }, async () => {
        for (const [index, id] of work) {
          if (this.#signal.aborted) return;
          isDone[index] = await this.#check(id);
          while (isDone[first]) first += 1;
          const position = present[Math.min(first, present.length) - 1];
          if (this.#lease && position) this.#lease.position = position;
          done += 1;
          this.#report.progress(done, total);
        }
      }),
    );
  }

  /** @returns whether GitHub has answered */
  async #check(id: string): Promise<boolean> {
    try {
      for (let tries = 1; tries <= TRIES; tries++) {
        if (await this.#ask(id, tries === TRIES)) break;
      }
      this.#summary.checked += 1;
      return true;
    } catch (error) {
      if (this.#signal.aborted) return false;
      this.#fail(`Installation ${id} could not be checked: ${messageOf(error)}`);
      return false;
    }
  }

  /** @returns whether it is done */
  async #ask(id: string, isLast: boolean): Promise<boolean> {
    const { manager } = this.#options.dataSource;
    const known = await manager.findOneBy(InstallationFact, { id });
    if (known?.deletedAt) return true;
    const truth = await this.#fetch(id).catch((error) => {
      const isTriedAgain = CHANGED_MEANWHILE.includes(error.status) && !rateLimitOf(error);
      if (isLast || !isTriedAgain) throw error;
    });
    if (truth === undefined) return false;
    if (truth === null) {
      this.#gone.set(id, known);
      return true;
    }
    const changes = await writeTruth(this.#writer, truth, known);
    if (changes) this.#count(id, changes, known, truth.installation.accountLogin);
    const isComplete = truth.repositories?.complete !== false;
    if (!isLast) return changes?.isDone === true;
    if (!changes || (isComplete && !changes.isDone)) this.#summary.raced += 1;
    if (!isComplete) throw new Error('its repositories changed while they were listed');
    return true;
  }

  /** A 404 may be a fault of GitHub's: all of several are believed. */
  async #fetch(id: string): Promise<Truth | null> {
    for (let tries = 1; ; tries++) {
      const truth = await fetchTruth(this.#options.clients, id);
      if (truth || tries === TRIES) return truth;
    }
  }

  #count(
    id: string,
    { installations, repositories, repairs }: Changes,
    known: InstallationFact | null,
    login: string | null,
  ): void {
    if (installations + repositories === 0) return;
    this.#summary.changed += 1;
    const isTold = !known?.fetchedAt || known.dirtySince !== null;
    if (repairs > 0 && !isTold) this.#summary.repaired += 1;
    if (!this.#options.dryRun) return;
    const what = known ? 'differs' : 'is new';
    this.#report.line(
      `Installation ${id} of ${login ?? '(unknown)'} ${what}, with ${repositories} repositories to write`,
    );
  }

  /** Where so many would be hidden that something else must be wrong. */
  #brake(known: number): void {
    const hidden = [...this.#gone.values()].filter((row) => row && !row.missingSince).length;
    if (this.#options.force || hidden <= BRAKE.count || hidden <= known * BRAKE.share) return;
    this.#gone.clear();
    this.#fail(
      `GitHub does not know ${hidden} of ${known} installations any more, which is too many to be believed: ` +
        'they stay as they are. If it is so, use sync --force',
    );
  }

  async #hideGone(): Promise<void> {
    for (const [id, known] of this.#gone) {
      // Without a mark there is nothing to write.
      if (!known || (known.missingSince && !known.dirtySince)) continue;
      const isWritten = await writeMissing(this.#writer, known);
      if (!isWritten) this.#summary.raced += 1;
      else if (!known.missingSince) this.#countMissing(id);
    }
  }

  #countMissing(id: string): void {
    this.#summary.missing += 1;
    if (this.#options.dryRun) this.#report.line(`Installation ${id} is missing at GitHub`);
  }

  async #redeliver(): Promise<void> {
    const { clients, dryRun: isDry = false } = this.#options;
    try {
      this.#summary.redelivered = await redeliver(clients, { isDry, signal: this.#signal });
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#fail(`Deliveries that have failed could not be asked for again: ${messageOf(error)}`);
    }
  }

  #fail(text: string): void {
    this.#summary.failed += 1;
    this.#report.line(text);
  }

  /** What is under way then writes nothing more. */
  async #untilAborted(work: Promise<unknown>): Promise<void> {
    const ended = new AbortController();
    const aborted = once(this.#signal, 'abort', { signal: ended.signal }).catch(() => {});
    if (!this.#signal.aborted) await Promise.race([work, aborted]).finally(() => ended.abort());
    work.catch(() => {});
    if (this.#signal.aborted) throw new SyncInterruptedError();
  }
}
