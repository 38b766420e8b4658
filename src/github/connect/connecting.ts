import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { DataSource } from 'typeorm';
import { CodedError } from '../../errors.js';
import { rateLimitOf } from '../client.js';
import { OtherAccountError, OutdatedProofError, type Proofs } from '../proofs.js';
import { fetchListed, fetchUser } from './fetch-proof.js';
import type { GithubFlow } from './flow.entity.js';
import { Flows, flowIdOf, newSecret, type Owner, verifierOf } from './flows.js';
import { CodeRefusedError, type OAuth } from './oauth.js';
import type { Outcome } from './outcome.js';

export interface ConnectingOptions {
  appId: string;
  oauth: OAuth;
  proofs: Proofs;
  /** Where flows are kept; `null`: nowhere for the moment. */
  dataSource: () => DataSource | null;
  /** Asks GitHub which requests wait for owners. */
  refreshRequests: () => Promise<void>;
  log: FastifyBaseLogger;
}

/** Flows for which an instance asks GitHub at once; each has its lists in memory. */
const AT_ONCE = 50;
/** Milliseconds that one callback asks GitHub at most. */
const LONGEST = 5 * 60_000;
/** Milliseconds between two signs of life. */
const BEAT = 1_000;
/** Milliseconds without one, after which its instance has ended. */
const SILENCE = 30_000;
/** Milliseconds between two questions about requests. */
const REQUESTS_PAUSE = 5_000;
/** GitHub's words for a code that is wrong, used or old. */
const CODE_REFUSALS = ['bad_verification_code'];
/** What a user, who shares GitHub's patience with the rest of the application, may try again after; seconds. */
const UNKNOWN_LIMIT = 60;

/** The authorization flow, from its first redirect to the proof that it writes. */
export class Connecting {
  readonly #options: ConnectingOptions;
  readonly #ended = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #requestsAt = 0;

  constructor(options: ConnectingOptions) {
    this.#options = options;
  }

  /** @returns the address at GitHub where the user goes next. @throws {CodedError} where there is no database */
  async begin(
    owner: Owner,
    redirectUri: string,
    named: { installationId: string | null; isWanted: boolean },
  ): Promise<string> {
    const state = newSecret();
    const { installationId: namedInstallationId, isWanted } = named;
    await this.#flows().begin(state, { ...owner, namedInstallationId, isWanted });
    return this.#options.oauth.authorizeUrl(state, verifierOf(owner.browser, state), redirectUri);
  }

  /**
   * GitHub has sent the user back. Its lists are asked for in the background.
   *
   * @returns the id of the flow; `null`: no flow of this owner has that state, or it is too late
   */
  async take(
    state: string,
    code: string,
    owner: Owner,
    redirectUri: string,
  ): Promise<string | null> {
    const id = flowIdOf(state);
    const flows = this.#flows();
    if (this.#underWay.size >= AT_ONCE) throw new CodedError('SERVICE_UNAVAILABLE');
    const flow = await flows.take(id, owner);
    // A page that is loaded again shows what has become of it.
    if (!flow) return (await flows.find(id, owner))?.takenAt ? id : null;
    const work = this.#prove(id, flow, owner, () =>
      this.#options.oauth.exchange(code, verifierOf(owner.browser, state), redirectUri),
    ).finally(() => this.#underWay.delete(work));
    this.#underWay.add(work);
    return id;
  }

  /** @returns what is so after a wait of some milliseconds at most; `null`: this owner has no such flow */
  async settled(id: string, owner: Owner, wait: number): Promise<GithubFlow | null> {
    const until = Date.now() + wait;
    for (let pause = 20; ; pause = Math.min(pause * 2, 500)) {
      const flow = await this.#flows().find(id, owner);
      if (!flow?.takenAt || flow.outcome || hasGone(flow) || Date.now() >= until) return flow;
      await sleep(pause);
    }
  }

  /** A user comes from a request to owners. */
  noteRequest(): void {
    if (Date.now() - this.#requestsAt < REQUESTS_PAUSE) return;
    this.#requestsAt = Date.now();
    this.#options
      .refreshRequests()
      .catch((error) => this.#options.log.warn({ err: error }, 'requests could not be asked for'));
  }

  /** What is under way is not written any more. */
  async close(): Promise<void> {
    this.#ended.abort();
    await Promise.all(this.#underWay);
  }

  #flows(): Flows {
    const dataSource = this.#options.dataSource();
    if (!dataSource) throw new CodedError('SERVICE_UNAVAILABLE');
    return new Flows(dataSource);
  }

  async #prove(
    id: string,
    { namedInstallationId, isWanted }: Pick<GithubFlow, 'namedInstallationId' | 'isWanted'>,
    { userId }: Owner,
    exchange: () => Promise<string>,
  ): Promise<void> {
    let pages = 0;
    const beat = setInterval(() => {
      this.#flows()
        .progress(id, pages)
        .catch(() => {});
    }, BEAT);
    const proof = { userId, wanted: isWanted ? namedInstallationId : null };
    const outcome = await this.#listAndWrite(exchange, () => (pages += 1), proof).catch((error) => {
      const failure = outcomeOf(error);
      this.#options.log.warn({ err: error, outcome: failure.kind }, 'a user could not connect');
      return failure;
    });
    clearInterval(beat);
    await this.#end(id, outcome);
  }

  async #listAndWrite(
    exchange: () => Promise<string>,
    onPage: () => void,
    { userId, wanted }: { userId: string; wanted: string | null },
  ): Promise<Outcome> {
    const { oauth, proofs, appId } = this.#options;
    const bound = await proofs.boundTo(userId).catch(asDatabaseError);
    const startedAt = Date.now();
    const token = await exchange();
    try {
      const client = oauth.clientOf(token);
      const github = await fetchUser(client);
      if (!github) throw new Error('GitHub does not say who the user is');
      // Before it is asked for more: what another account may see is nobody's business here.
      if (bound && bound.id !== github.id)
        return { kind: 'other-account', login: github.login, bound: bound.login };
      const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(LONGEST)]);
      const listed = await fetchListed(client, appId, onPage, signal);
      const installations = await proofs
        .write({ userId, wanted, startedAt, github, ...listed })
        .catch(asDatabaseError);
      return { kind: 'proved', login: github.login, installations };
    } finally {
      await this.#deleteToken(token);
    }
  }

  async #deleteToken(token: string): Promise<void> {
    const { oauth, log } = this.#options;
    await oauth
      .deleteToken(token)
      .catch((error) => log.warn({ err: error }, 'the token of a user could not be deleted'));
  }

  /** The database may be what has failed. */
  async #end(id: string, outcome: Outcome): Promise<void> {
    try {
      await this.#flows().end(id, outcome);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the end of a flow could not be kept');
    }
  }
}

class DatabaseError extends Error {}

function asDatabaseError(error: unknown): never {
  const isOurs = error instanceof OtherAccountError || error instanceof OutdatedProofError;
  throw isOurs ? error : new DatabaseError('the database has failed', { cause: error });
}

/** Whether the instance that asks GitHub has ended before it could say so. */
export function hasGone({ seenAt, outcome }: GithubFlow): boolean {
  return outcome === null && seenAt !== null && Date.now() - seenAt.getTime() > SILENCE;
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof DatabaseError) return { kind: 'database-away' };
  if (error instanceof OutdatedProofError) return { kind: 'withdrawn' };
  if (error instanceof OtherAccountError)
    return { kind: 'other-account', login: error.login, bound: error.bound.login };
  if (error instanceof CodeRefusedError)
    return CODE_REFUSALS.includes(error.reason)
      ? { kind: 'code-refused' }
      : { kind: 'misconfigured', reason: error.reason };
  const { status } = error as { status?: number };
  const seconds = rateLimitOf(error) ?? (status === 429 ? UNKNOWN_LIMIT : null);
  if (seconds !== null) return { kind: 'limited', seconds: Math.ceil(seconds) };
  return { kind: 'github-away' };
}
