import type { DataSource } from 'typeorm';
import type { GithubConfig } from '../config.js';
import { messageOf } from '../errors.js';
import { type Counts, readCounts } from '../github/counts.js';
import { listDeliveries } from '../github/redelivery.js';
import { summaryText } from '../github/sync-summary.js';
import { type Finding, ok, warning } from './finding.js';
import { clientsOf } from './github-app.js';

/** Deliveries that GitHub is asked for: one page. */
const DELIVERIES = 100;
/** Seconds after which a mark should be gone. */
const LATE = 300;

const REMEDIES: Record<number, string> = {
  0: 'the webhook’s URL must reach a server that answers within 10 s',
  400: 'what stands before the server must leave headers and body as they are',
  401: 'GITHUB_WEBHOOK_SECRET must be the secret of the App’s webhook',
  404: 'the webhook’s URL must end in /api/github/webhooks, and the server needs GITHUB_WEBHOOK_SECRET',
  413: 'what stands before the server must let 25 MiB in',
  415: 'the webhook’s content type must be application/json',
};

const STATUS_TEXTS = {
  active: 'active',
  suspended: 'suspended',
  missing: 'missing at GitHub',
  deleted: 'uninstalled',
  unknown: 'not asked about yet',
};

export async function checkKept(
  dataSource: DataSource,
  { appId, privateKey, syncInterval }: GithubConfig,
): Promise<Finding[]> {
  const counts = await readCounts(dataSource, appId);
  return [
    ok(
      `installations: ${Object.entries(STATUS_TEXTS)
        .map(
          ([status, text]) =>
            `${counts.installations[status as keyof typeof STATUS_TEXTS]} ${text}`,
        )
        .join(', ')}`,
    ),
    describeMarks(counts, privateKey !== null),
    ok(`last delivery: ${ago(counts.lastDelivery)}`),
    ...describeSync(counts, syncInterval),
  ];
}

function describeMarks({ dirty, dirtyAge }: Counts, hasKey: boolean): Finding {
  if (dirty === 0) return ok('marked, to be asked about: none');
  if (!hasKey) return ok(`marked: ${dirty}, for a private key: without one, nobody asks GitHub`);
  const text = `marked, to be asked about: ${dirty}, the oldest for ${Math.round(dirtyAge)} s`;
  return dirtyAge > LATE
    ? warning(`${text}: is a server running, and GitHub reachable?`)
    : ok(text);
}

function describeSync({ state }: Counts, interval: number | null): Finding[] {
  const summary = state?.syncSummary ? ` (${summaryText(state.syncSummary)})` : '';
  const text = `last complete sync: ${ago(state?.syncedAt ?? null)}${summary}`;
  const isLate =
    interval !== null && state?.syncedAt && Date.now() - state.syncedAt.getTime() > 2000 * interval;
  const findings = [isLate || !state?.syncedAt ? warning(text) : ok(text)];
  if (state?.syncStartedAt)
    findings.push(
      ok(
        `${state.leaseHolder ? 'a sync is under way' : 'a sync was interrupted'}, since ${state.syncStartedAt.toISOString()}`,
      ),
    );
  return findings;
}

/** What GitHub says of the deliveries to this server. */
export async function checkDeliveries(config: GithubConfig): Promise<Finding[]> {
  const clients = clientsOf(config);
  if (!clients) return [warning('GitHub tells only with a private key')];
  try {
    const events = await listDeliveries(clients, DELIVERIES);
    const failed = events.filter(({ succeeded }) => !succeeded);
    if (failed.length === 0) return [ok(`of the last ${events.length}, all have succeeded`)];
    const last = failed.reduce((a, b) => (a.at > b.at ? a : b));
    return [
      warning(
        `of the last ${events.length}, ${failed.length} never succeeded, the last one at ${last.at.toISOString()} ` +
          `with ${last.status}: the next sync asks for them again`,
      ),
      ...[...new Set(failed.map(({ status }) => status))].sort().map((status) => {
        const count = failed.filter((event) => event.status === status).length;
        const text = status ? `answered with ${status}` : 'not answered at all';
        return warning(`${count} ${text}: ${remedyOf(status)}`);
      }),
    ];
  } catch (error) {
    return [warning(messageOf(error))];
  }
}

/** Of deliveries that GitHub counts as failed. @param status 0: no answer */
function remedyOf(status: number): string {
  const remedy = REMEDIES[status];
  if (remedy) return remedy;
  return status >= 500
    ? 'the server or its database was away or overloaded: its log says why'
    : 'what stands before the server, such as a proxy, may refuse them';
}

function ago(date: Date | null): string {
  if (date === null) return 'none';
  const seconds = Math.max(0, Math.round((Date.now() - date.getTime()) / 1000));
  return `${date.toISOString()}, ${seconds} s ago`;
}
