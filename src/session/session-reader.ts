import type { IncomingHttpHeaders } from 'node:http';
import { LRUCache } from 'lru-cache';
import { hashOf } from '../hash.js';
import { type SessionOutcome, sessions } from '../observability/events.js';
import { HMAC_LENGTH, openSeal, parseSeal } from './seal.js';
import { sealedSession } from './session-cookie.js';
import type { Viewer } from './viewer.js';

/** Tolerated difference between the clocks of the issuer and of this server. */
const CLOCK_SKEW_MS = 60_000;
/** About 400 bytes each. */
const REMEMBERED_SESSIONS = 20_000;

interface OpenedSession {
  /** `null`: a valid session without a user. */
  readonly viewer: Viewer | null;
  /** Milliseconds since the epoch, exclusive. */
  readonly endsAt: number;
}

export interface SessionReaderOptions {
  /** The current password, then those being rotated out. */
  passwords: readonly string[];
  /** Seconds since a session's `createdAt`; `null`: only the seal's own expiry counts. */
  maxAge: number | null;
  now?: () => number;
}

/** Caches sessions, as opening a seal costs more than the rest of a request; not forgeries, which could evict them. */
export class SessionReader {
  readonly #passwords: readonly string[];
  readonly #maxAgeMs: number | null;
  readonly #now: () => number;
  readonly #opened = new LRUCache<string, OpenedSession>({ max: REMEMBERED_SESSIONS });

  constructor({ passwords, maxAge, now = Date.now }: SessionReaderOptions) {
    this.#passwords = passwords;
    this.#maxAgeMs = maxAge === null ? null : maxAge * 1000;
    this.#now = now;
  }

  /** `null`: anonymous, as for any seal that cannot be opened. Never rejects. */
  async read(headers: IncomingHttpHeaders): Promise<Viewer | null> {
    const remembered = this.remembered(headers);
    return remembered === undefined ? this.#open(sealedSession(headers) ?? '') : remembered;
  }

  /** `null`: anonymous; `undefined`: the session is not cached, its seal must be opened first. */
  remembered(headers: IncomingHttpHeaders): Viewer | null | undefined {
    const sealed = sealedSession(headers);
    if (sealed === null) return anonymous('none');
    const key = cacheKeyOf(sealed);
    const session = this.#opened.get(key);
    if (!session) return undefined;
    if (this.#now() < session.endsAt) {
      publish(session.viewer ? 'remembered' : 'nobody');
      return session.viewer;
    }
    this.#opened.delete(key);
    return anonymous('expired');
  }

  async #open(sealed: string): Promise<Viewer | null> {
    const seal = parseSeal(sealed);
    if (!seal) return anonymous('malformed');
    const sealEndsAt =
      seal.expiresAt === null ? Number.POSITIVE_INFINITY : seal.expiresAt + CLOCK_SKEW_MS;
    if (this.#now() >= sealEndsAt) return anonymous('expired');
    const payload = await openSeal(seal, this.#passwords).catch(() => undefined);
    if (payload === undefined) return anonymous('forged');
    const endsAt = Math.min(sealEndsAt, ageEndsAt(payload, this.#maxAgeMs));
    if (this.#now() >= endsAt) return anonymous('expired');
    const id = userId(payload);
    const viewer = id === null ? null : { id };
    this.#opened.set(cacheKeyOf(sealed), { viewer, endsAt });
    publish(viewer ? 'opened' : 'nobody');
    return viewer;
  }
}

function anonymous(outcome: SessionOutcome): null {
  publish(outcome);
  return null;
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

/** As in h3: a session of exactly the maximum age is valid, one without `createdAt` is not. */
function ageEndsAt(payload: unknown, maxAgeMs: number | null): number {
  if (maxAgeMs === null) return Number.POSITIVE_INFINITY;
  const createdAt = (payload as { createdAt?: unknown } | null)?.createdAt;
  return typeof createdAt === 'number' ? createdAt + maxAgeMs + 1 : Number.NEGATIVE_INFINITY;
}
