import { Gauge, type Registry } from 'prom-client';
import type { Counts } from './counts.js';

/** Milliseconds; Prometheus may ask more often. */
const INTERVAL = 15_000;

/** @param read `null`: what GitHub says is not kept now */
export function measureCounts(registry: Registry, read: () => Promise<Counts | null>): void {
  let counts: Promise<Counts | null> | null = null;
  let readAt = Number.NEGATIVE_INFINITY;
  const recent = () => {
    if (!counts || performance.now() - readAt > INTERVAL) {
      readAt = performance.now();
      counts = read().catch(() => null);
    }
    return counts;
  };
  const gauge = (name: string, help: string, pick: (counts: Counts) => number | null) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const counts = await recent();
        const value = counts && pick(counts);
        if (value === null) this.remove();
        else this.set(value);
      },
    });

  new Gauge({
    name: 'github_installations',
    help: 'Installations of the App by status; "deleted": uninstalled, "missing": GitHub does not know it any more, "unknown": GitHub was not asked yet.',
    labelNames: ['status'],
    registers: [registry],
    async collect() {
      const counts = await recent();
      this.reset();
      for (const [status, count] of Object.entries(counts?.installations ?? {}))
        this.set({ status }, count);
    },
  });
  gauge(
    'github_dirty_installations',
    'Installations that GitHub is to be asked about; without a private key, nobody asks.',
    ({ dirty }) => dirty,
  );
  gauge(
    'github_dirty_age_seconds',
    'Time since the oldest of them was marked; 0: none is.',
    ({ dirtyAge }) => dirtyAge,
  );
  gauge(
    'github_last_delivery_age_seconds',
    'Time since a webhook delivery was last applied; absent: none was.',
    ({ lastDelivery }) => ageOf(lastDelivery),
  );
  gauge(
    'github_last_sync_age_seconds',
    'Time since the end of the last complete sync; absent: there was none.',
    ({ state }) => ageOf(state?.syncedAt ?? null),
  );
}

function ageOf(date: Date | null): number | null {
  return date && (Date.now() - date.getTime()) / 1000;
}
