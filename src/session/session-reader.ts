import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { LRUCache } from 'lru-cache';
import { type SessionOutcome, sessions } from '../observability/events.js';
import { openSeal, parseSeal } from './seal.js';
import { sealedSession } from './session-cookie.js';
import type { Viewer } from './viewer.js';

/** Clocks of the issuer and of this server may differ by so much. */
const CLOCK_SKEW_MS = 60_000;
/** Some 400 bytes each. */
const REMEMBERED_SESSIONS = 20_000;

interface OpenedSession {
  /** `null`: a genuine session of nobody. */
  readonly viewer: Viewer | null;
  /** Milliseconds since the epoch; the first instant at which the session is over. */
  readonly endsAt: number;
}

export interface SessionReaderOptions {
  /** What seals are opened with: the current password, then those that are being rotated out. */
  passwords: readonly string[];
  /** Seconds since a session's `createdAt`; `null`: only the seal's own expiry counts. */
  maxAge: number | null;
  /** The current time in milliseconds since the epoch. */
  now?: () => number;
}

/**
 * Reads the signed-in user from the sealed session of a request.
 *
 * Opening a seal costs more than the rest of a request, so what was opened is remembered:
 * under a digest, so that no usable cookie stays in memory, and with its end, which is checked
 * every time. What did not open is not remembered, so that forgeries cannot push sessions out.
 */
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

  /** The viewer of a request; `null`: anonymous. Never fails: whatever cannot be opened is anonymous. */
  async read(headers: IncomingHttpHeaders): Promise<Viewer | null> {
    const remembered = this.remembered(headers);
    return remembered === undefined ? this.#open(sealedSession(headers) ?? '') : remembered;
  }

  /** The viewer as far as it is known at once; `undefined`: there is a seal that must be opened first. */
  remembered(headers: IncomingHttpHeaders): Viewer | null | undefined {
    const sealed = sealedSession(headers);
    if (sealed === null) return anonymous('none');
    const digest = digestOf(sealed);
    const session = this.#opened.get(digest);
    if (!session) return undefined;
    if (this.#now() < session.endsAt) {
      tell(session.viewer ? 'remembered' : 'nobody');
      return session.viewer;
    }
    this.#opened.delete(digest);
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
    this.#opened.set(digestOf(sealed), { viewer, endsAt });
    tell(viewer ? 'opened' : 'nobody');
    return viewer;
  }
}

function anonymous(outcome: SessionOutcome): null {
  tell(outcome);
  return null;
}

function tell(outcome: SessionOutcome): void {
  if (sessions.hasSubscribers) sessions.publish(outcome);
}

function digestOf(sealed: string): string {
  return hash('sha256', sealed, 'base64');
}

/**
 * Numbers beyond 2^53 are refused: JSON has rounded them already, so that they may name another user.
 *
 * @returns `data.user.id` as text; `null`: an anonymous session
 */
function userId(payload: unknown): string | null {
  const id = (payload as { data?: { user?: { id?: unknown } } } | null)?.data?.user?.id;
  if (typeof id === 'number' && Number.isSafeInteger(id)) return String(id);
  return typeof id === 'string' && id ? id : null;
}

/** As h3 counts: at exactly the maximum age a session still holds, and one without a start does not. */
function ageEndsAt(payload: unknown, maxAgeMs: number | null): number {
  if (maxAgeMs === null) return Number.POSITIVE_INFINITY;
  const createdAt = (payload as { createdAt?: unknown } | null)?.createdAt;
  return typeof createdAt === 'number' ? createdAt + maxAgeMs + 1 : Number.NEGATIVE_INFINITY;
}
