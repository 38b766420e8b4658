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
  const gauge = (
    name: string,
    help: string,
    write: (gauge: Gauge, counts: Counts) => void,
    labelNames: string[] = [],
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const present = await recent();
        this.reset();
        if (present) write(this, present);
        else if (labelNames.length === 0) this.remove();
      },
    });
  const age = (date: Date | null | undefined) =>
    date ? (Date.now() - date.getTime()) / 1000 : Number.NaN;

  gauge(
    'github_installations',
    'Installations of the App by status; "deleted": uninstalled, "missing": GitHub does not know it any more, "unknown": GitHub was not asked yet.',
    (gauge, { installations }) => {
      for (const [status, count] of Object.entries(installations)) gauge.set({ status }, count);
    },
    ['status'],
  );
  gauge(
    'github_dirty_installations',
    'Installations that GitHub is to be asked about.',
    (gauge, { dirty }) => gauge.set(dirty),
  );
  gauge(
    'github_dirty_age_seconds',
    'Time since the oldest of them was marked; 0: none is.',
    (gauge, { dirtyAge }) => gauge.set(dirtyAge),
  );
  gauge(
    'github_last_delivery_age_seconds',
    'Time since a webhook delivery was last applied; NaN: none was.',
    (gauge, { lastDelivery }) => gauge.set(age(lastDelivery)),
  );
  gauge(
    'github_last_sync_age_seconds',
    'Time since the end of the last complete sync; NaN: there was none.',
    (gauge, { state }) => gauge.set(age(state?.syncedAt)),
  );
}
