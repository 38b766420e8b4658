import type { GithubClients } from './client.js';
import { objectsOf, textOf } from './from-github.js';

/** Days: GitHub keeps deliveries for 3, Enterprise Server for 7. */
const OLDEST = 7;
/** Deliveries that are looked at, the newest first. */
const LOOKED_AT = 20_000;
/** Redeliveries that one sync asks for: one a second, as GitHub wants. */
const ASKED_FOR = 300;
/** Attempts that GitHub lists of an event, after which it is given up. */
const ATTEMPTS = 3;

/** What GitHub knows of the attempts to deliver one event. */
interface Event {
  /** Of the last attempt. */
  id: string;
  at: Date;
  /** Of the answer to the last attempt; 0: there was none. */
  status: number;
  attempts: number;
  succeeded: boolean;
}

/** @returns the events that GitHub remembers, the newest first; empty also where it does not say */
export async function listDeliveries({ app }: GithubClients, limit = LOOKED_AT): Promise<Event[]> {
  const events = new Map<string, Event>();
  const oldest = Date.now() - OLDEST * 86_400_000;
  let count = 0;
  const pages = app.paginate.iterator('GET /app/hook/deliveries', { per_page: 100 });
  try {
    for await (const { data } of pages) {
      for (const { id, guid, delivered_at, status_code } of objectsOf(data)) {
        const key = textOf(guid);
        const at = new Date(String(delivered_at));
        count += 1;
        if (key === null || !(at.getTime() >= oldest)) continue;
        // Ids pass 2^53, and arrive as BigInt then.
        const status = Number(status_code);
        const first = { id: String(id), at, status, attempts: 0, succeeded: false };
        const known = events.get(key) ?? first;
        known.attempts += 1;
        known.succeeded ||= status >= 200 && status < 300;
        events.set(key, known);
      }
      if (count >= limit) break;
    }
  } catch (error) {
    if ((error as { status?: unknown }).status !== 404) throw error;
  }
  return [...events.values()];
}

/** @returns how many events GitHub delivers again, as they never succeeded */
export async function redeliver(
  clients: GithubClients,
  { isDry, signal }: { isDry: boolean; signal: AbortSignal },
): Promise<number> {
  const events = await listDeliveries(clients);
  const failed = events
    .filter(({ succeeded, attempts }) => !succeeded && attempts < ATTEMPTS)
    .slice(0, ASKED_FOR);
  if (isDry) return failed.length;
  let redelivered = 0;
  // The oldest first, as they happened.
  for (const { id } of failed.reverse()) {
    signal.throwIfAborted();
    try {
      await clients.app.request('POST /app/hook/deliveries/{delivery_id}/attempts', {
        delivery_id: id as unknown as number,
      });
      redelivered += 1;
    } catch (error) {
      // It has expired meanwhile.
      if (![404, 422].includes((error as { status?: number }).status ?? 0)) throw error;
    }
  }
  return redelivered;
}
