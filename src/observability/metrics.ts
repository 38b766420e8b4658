import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import {
  type AnsweredRequest,
  deliveries,
  droppedLines,
  type EndedDelivery,
  type EndedStatement,
  type Events,
  type ExecutedOperation,
  type Fallback,
  fallbacks,
  operations,
  requests,
  type SessionOutcome,
  sessions,
  statements,
} from './events.js';

/** Callers choose the names, and each name is a time series. */
const MAX_OPERATION_NAMES = 100;
const MAX_OPERATION_NAME_LENGTH = 64;
/** Seconds: from a compiled query to the timeouts of the database. */
const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const USERS = [1, 2, 4, 8, 16, 32, 64, 128];

export interface PoolCounts {
  readonly totalCount?: number;
  readonly idleCount?: number;
  readonly waitingCount?: number;
}

/**
 * No label names a user, and the number of time series is bounded whatever callers send.
 *
 * @param measure adds what else is measured
 */
export function collectMetrics(
  pool: PoolCounts,
  measure: (registry: Registry) => void,
): { registry: Registry; stop(): void } {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  measurePool(registry, pool);
  measure(registry);
  const stops = [
    listen(requests, countRequests(registry)),
    listen(sessions, countSessions(registry)),
    listen(operations, countOperations(registry)),
    listen(fallbacks, countFallbacks(registry)),
    listen(statements, measureStatements(registry)),
    listen(deliveries, measureDeliveries(registry)),
    listen(droppedLines, countDroppedLines(registry)),
  ];
  const stop = () => {
    for (const end of stops) end();
  };
  return { registry, stop };
}

function listen<Message>(events: Events<Message>, listener: (message: Message) => void) {
  events.subscribe(listener);
  return () => events.unsubscribe(listener);
}

function countRequests(registry: Registry) {
  const answered = new Counter({
    name: 'http_requests_total',
    help: 'Requests, by method, route and status; 499: the client left before the end of the answer; "(none)": no valid head, or no route.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its response, by route.',
    labelNames: ['route'],
    buckets: DURATIONS,
    registers: [registry],
  });
  return ({ method, route, status, milliseconds }: AnsweredRequest) => {
    answered.inc({ method: method ?? '(none)', route: route ?? '(none)', status });
    if (milliseconds !== null) duration.observe({ route: route ?? '(none)' }, milliseconds / 1000);
  };
}

function countSessions(registry: Registry) {
  const counter = new Counter({
    name: 'sessions_total',
    help: 'Requests by the outcome of reading their session; "remembered" and "opened": valid.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  return (outcome: SessionOutcome) => counter.inc({ outcome });
}

function countOperations(registry: Registry) {
  const counter = new Counter({
    name: 'graphql_operations_total',
    help: 'GraphQL operations, by name and code of the first error; "none": no error.',
    labelNames: ['operation', 'error'],
    registers: [registry],
  });
  const known = new Set<string>();
  // A GraphQL name has no parentheses (GraphQL §2.1.9), so that these labels are unambiguous.
  function labelOf({ name, signedIn }: ExecutedOperation): string {
    if (name === undefined) return '(invalid)';
    if (name === null) return '(anonymous)';
    // Anonymous callers add no name: they could use up all places.
    if (signedIn && known.size < MAX_OPERATION_NAMES && name.length <= MAX_OPERATION_NAME_LENGTH)
      known.add(name);
    return known.has(name) ? name : '(other)';
  }
  return (executed: ExecutedOperation) =>
    counter.inc({ operation: labelOf(executed), error: executed.errorCode ?? 'none' });
}

function countFallbacks(registry: Registry) {
  const counter = new Counter({
    name: 'graphql_fallbacks_total',
    help: 'GraphQL operations that were answered by Apollo Server’s execution and not compiled, by reason.',
    labelNames: ['reason'],
    registers: [registry],
  });
  return ({ reason }: Fallback) => counter.inc({ reason });
}

function measureStatements(registry: Registry) {
  const duration = new Histogram({
    name: 'database_statement_duration_seconds',
    help: 'Duration of SQL statements that read users, with the wait for a connection.',
    buckets: DURATIONS,
    registers: [registry],
  });
  const users = new Histogram({
    name: 'database_statement_users',
    help: 'Users that one SQL statement reads, for all requests that share it.',
    buckets: USERS,
    registers: [registry],
  });
  return (statement: EndedStatement) => {
    duration.observe(statement.milliseconds / 1000);
    users.observe(statement.users);
  };
}

function measureDeliveries(registry: Registry) {
  const answered = new Counter({
    name: 'github_deliveries_total',
    help: 'Webhook deliveries, by event and outcome; "seen": applied before, "ignored": can never be applied, "refused": wrong signature or form, "failed": the sender has to repeat it.',
    labelNames: ['event', 'outcome'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'github_delivery_duration_seconds',
    help: 'Time from the head of a webhook delivery to its answer.',
    buckets: DURATIONS,
    registers: [registry],
  });
  return ({ event, outcome, milliseconds }: EndedDelivery) => {
    answered.inc({ event: event ?? '(other)', outcome });
    duration.observe(milliseconds / 1000);
  };
}

function countDroppedLines(registry: Registry) {
  const counter = new Counter({
    name: 'log_lines_dropped_total',
    help: 'Lines of the log that were lost, as standard output could not be written.',
    registers: [registry],
  });
  return (lines: number) => counter.inc(lines);
}

function measurePool(registry: Registry, pool: PoolCounts): void {
  if (!('totalCount' in pool)) return;
  new Gauge({
    name: 'database_connections',
    help: 'Open connections to PostgreSQL, by state: busy or idle.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { totalCount = 0, idleCount = 0 } = pool;
      this.set({ state: 'busy' }, totalCount - idleCount);
      this.set({ state: 'idle' }, idleCount);
    },
  });
  new Gauge({
    name: 'database_connections_awaited',
    help: 'Statements and transactions waiting for a connection.',
    registers: [registry],
    collect() {
      this.set(pool.waitingCount ?? 0);
    },
  });
}
