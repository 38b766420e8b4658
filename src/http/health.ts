import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Condition, Database } from '../database/database.js';
import { NO_ANSWER } from '../database/reasons.js';
import { RETRY_AFTER } from '../errors.js';
import { PROBE_TIMEOUT } from '../timeouts.js';
import { nameMethods } from './errors.js';

/** HAProxy sends OPTIONS unless it is told otherwise. */
const METHODS = ['GET', 'HEAD', 'OPTIONS'];

export interface HealthOptions {
  database: Pick<Database, 'check' | 'notReadyReason'>;
}

/** Of a check that goes on. */
const UNKNOWN: Condition = { reachable: false, reason: null };

/** `/live` ignores the database, which no restart repairs. `/ready` answers 503, with the reason, while not serving. */
export function healthRoutes(app: FastifyInstance, { database }: HealthOptions): void {
  let serving = true;
  // Keeps probes, which come every few seconds, out of the log.
  const quiet = { logLevel: 'warn' as const };

  probe('/live', async (reply) => reply.header('cache-control', 'no-store').send({ live: true }));

  let checking: Promise<Condition> | undefined;
  /** Concurrent probes share a check, and its time. */
  const check = () => {
    checking ??= inTime(database.check()).finally(() => {
      checking = undefined;
    });
    return checking;
  };

  probe('/ready', async (reply) => {
    const { reachable, reason } = await check();
    const { notReadyReason } = database;
    const needed = { database: reachable, migrations: notReadyReason === null, serving };
    reply.header('cache-control', 'no-store');
    if (Object.values(needed).every(Boolean)) return reply.send({ ready: true, ...needed });
    reply.code(503).header('retry-after', RETRY_AFTER);
    return reply.send({
      ready: false,
      ...needed,
      reason: serving ? (reason ?? notReadyReason ?? NO_ANSWER) : 'the server is ending',
    });
  });

  function probe(url: string, answer: (reply: FastifyReply) => Promise<unknown>): void {
    app.route({ ...quiet, method: METHODS, url, handler: (_request, reply) => answer(reply) });
    nameMethods(app, url, METHODS, quiet);
  }

  app.addHook('preClose', async () => {
    serving = false;
  });
}

function inTime(check: Promise<Condition>): Promise<Condition> {
  const answered = new AbortController();
  const timeout = sleep(PROBE_TIMEOUT, UNKNOWN, { ref: false, signal: answered.signal });
  return Promise.race([check, timeout]).finally(() => answered.abort());
}
