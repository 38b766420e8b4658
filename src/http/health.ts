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

const TIMED_OUT: Condition = { reachable: false, reason: NO_ANSWER };

/** `/live` ignores the database, which no restart repairs. `/ready` answers 503, with the reason, while not serving. */
export function healthRoutes(app: FastifyInstance, { database }: HealthOptions): void {
  let serving = true;
  // Keeps probes, which come every few seconds, out of the log.
  const quiet = { logLevel: 'warn' as const };

  probe('/live', async (reply) => reply.header('cache-control', 'no-store').send({ live: true }));

  probe('/ready', async (reply) => {
    const { reachable, reason } = await Promise.race([
      database.check(),
      sleep(PROBE_TIMEOUT, TIMED_OUT, { ref: false }),
    ]);
    const { notReadyReason } = database;
    const needed = { database: reachable, migrations: notReadyReason === null, serving };
    reply.header('cache-control', 'no-store');
    if (Object.values(needed).every(Boolean)) return reply.send({ ready: true, ...needed });
    reply.code(503).header('retry-after', RETRY_AFTER);
    return reply.send({
      ready: false,
      ...needed,
      reason: serving ? (reason ?? notReadyReason) : 'the server is ending',
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
