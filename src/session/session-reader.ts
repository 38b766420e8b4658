import type { IncomingHttpHeaders } from 'node:http';
import { LRUCache } from 'lru-cache';
import { hashOf } from '../hash.js';
import { type Rejection, type SessionOutcome, sessions } from '../observability/events.js';
import { type Caller, OpeningQueue } from './opening-queue.js';
import { HMAC_LENGTH, openFastSeal, openSlowSeal, parseSeal } from './seal.js';
import type { Opened, OpenedSession, Session } from './session.js';
import { sealedSession } from './session-cookie.js';
import type { Viewer } from './viewer.js';

/** Tolerated difference between the clocks of the issuer and of this server. */
const CLOCK_SKEW_MS = 60_000;
/** About 400 bytes each. */
const REMEMBERED_SESSIONS = 20_000;
/** Sent again and again by clients that keep a cookie of another password, or of a visitor who has not signed in. */
const REMEMBERED_REJECTIONS = 5_000;
/** Seals of h3 v2 that are opened at once, and that may wait: libuv has 4 threads, which DNS and files use too. */
const USUAL_QUEUE = { slots: 2, maxWaiting: 400 };
/** The same for addresses at their limit. */
const SLOW_QUEUE = { slots: 1, maxWaiting: 128 };

export interface SessionReaderOptions {
  /** The current password, then those being rotated out. */
  passwords: readonly string[];
  /** Seconds since a session's `createdAt`; `null`: only the seal's own expiry counts. */
  maxAge: number | null;
  now?: () => number;
  /** A valid session says which GitHub account its user has, or nothing of it. Called when it is opened. */
  onUser?: (userId: string, githubId: string | null) => void;
}

/** Caches sessions, as opening a seal costs more than the rest of a request, apart from rejections, which could evict them. */
export class SessionReader {
  readonly #passwords: readonly string[];
  readonly #maxAgeMs: number | null;
  readonly #now: () => number;
  readonly #onUser: SessionReaderOptions['onUser'];
  readonly #opened = new LRUCache<string, OpenedSession>({ max: REMEMBERED_SESSIONS });
  readonly #rejected = new LRUCache<string, Rejection>({ max: REMEMBERED_REJECTIONS });
  readonly #usual = new OpeningQueue(USUAL_QUEUE);
  readonly #slow = new OpeningQueue(SLOW_QUEUE);

  constructor({ passwords, maxAge, now = Date.now, onUser }: SessionReaderOptions) {
    this.#passwords = passwords;
    this.#maxAgeMs = maxAge === null ? null : maxAge * 1000;
    this.#now = now;
    this.#onUser = onUser;
  }

  /** `null`: anonymous, as for any seal that cannot be opened. Never rejects. */
  async read(headers: IncomingHttpHeaders): Promise<Viewer | null> {
    const session = this.remembered(headers) ?? (await this.open(headers));
    return session.viewer;
  }

  /** `undefined`: the session is not cached, its seal must be opened first. */
  remembered(headers: IncomingHttpHeaders): Session | undefined {
    const sealed = sealedSession(headers);
    if (sealed === null) return rejected('none');
    const key = cacheKeyOf(sealed);
    const session = this.#opened.get(key);
    if (session) return this.#current(session, 'remembered');
    const rejection = this.#rejected.get(key);
    return rejection && rejected(rejection);
  }

  /**
   * Opens a seal that is not cached. One of h3 v2 costs thousands of times as much as one of h3 v1, and is recognised only
   * by opening it: it waits in a queue, in the slow one where its address is at its limit. Never rejects.
   * @param callerOf is called only then; without it, nothing waits
   */
  async open(headers: IncomingHttpHeaders, callerOf?: () => Promise<Caller>): Promise<Session> {
    const sealed = sealedSession(headers) ?? '';
    const seal = parseSeal(sealed);
    if (!seal) return rejected('malformed');
    const sealEndsAt =
      seal.expiresAt === null ? Number.POSITIVE_INFINITY : seal.expiresAt + CLOCK_SKEW_MS;
    if (this.#now() >= sealEndsAt) return rejected('expired');
    const key = cacheKeyOf(sealed);
    const payload = openFastSeal(seal, this.#passwords);
    if (payload !== undefined) return this.#current(this.#remember(key, payload, sealEndsAt));
    const openSlowly = async () =>
      this.#remember(key, await openSlowSeal(seal, this.#passwords), sealEndsAt);
    if (!callerOf) return this.#current(await openSlowly());
    const caller = await callerOf();
    const isUsual = this.#usual.waitingOf(caller.address) < caller.remaining;
    const queue = isUsual ? this.#usual : this.#slow;
    return this.#current(await queue.run(key, caller, openSlowly));
  }

  /** @param payload `undefined`: the seal has not opened */
  #remember(key: string, payload: unknown, sealEndsAt: number): Opened {
    const id = payload === undefined ? null : userId(payload);
    if (id !== null) {
      const endsAt = Math.min(sealEndsAt, ageEndsAt(payload, this.#maxAgeMs));
      const session = { viewer: { id }, rejection: null, endsAt };
      this.#opened.set(key, session);
      if (this.#now() < endsAt) this.#onUser?.(id, githubIdOf(payload));
      return session;
    }
    const rejection = payload === undefined ? 'forged' : 'nobody';
    this.#rejected.set(key, rejection);
    return rejection;
  }

  #current(session: Opened, outcome: SessionOutcome = 'opened'): Session {
    if (typeof session === 'string') return rejected(session);
    if (this.#now() >= session.endsAt) return rejected('expired');
    publish(outcome);
    return session;
  }
}

function rejected(rejection: Rejection): Session {
  publish(rejection);
  return { viewer: null, rejection };
}

function publish(outcome: SessionOutcome): void {
  if (sessions.hasSubscribers) sessions.publish(outcome);
}

/** The HMAC, which only the holder knows, and a hash of it all: an altered seal differs, unless its holder forces it. */
function cacheKeyOf(sealed: string): string {
  // Joined: V8 would keep the whole header beside a concatenation.
  return [sealed.slice(-HMAC_LENGTH), hashOf(sealed)].join();
}

/** Rejects numbers beyond 2^53: rounded by `JSON.parse`, they may name another user. */
function userId(payload: unknown): string | null {
  const id = (payload as { data?: { user?: { id?: unknown } } } | null)?.data?.user?.id;
  if (typeof id === 'number' && Number.isSafeInteger(id)) return String(id);
  return typeof id === 'string' && id ? id : null;
}

/** GitHub's own id of the user's account, as digits. */
function githubIdOf(payload: unknown): string | null {
  const { oauth } = (
    payload as { data: { user: { oauth?: { github?: { github_id?: unknown } } } } }
  ).data.user;
  const text = String(oauth?.github?.github_id ?? '');
  return /^[1-9]\d{0,15}$/.test(text) ? text : null;
}

/** As in h3: a session of exactly the maximum age is valid, one without `createdAt` is not. */
function ageEndsAt(payload: unknown, maxAgeMs: number | null): number {
  if (maxAgeMs === null) return Number.POSITIVE_INFINITY;
  const createdAt = (payload as { createdAt?: unknown } | null)?.createdAt;
  return typeof createdAt === 'number' ? createdAt + maxAgeMs + 1 : Number.NEGATIVE_INFINITY;
}
