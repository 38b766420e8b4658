import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Database } from '../database/database.js';
import { RETRY_AFTER } from '../errors.js';
import { PROBE_TIMEOUT } from '../timeouts.js';

export interface HealthOptions {
  database: Pick<Database, 'reachable' | 'notReadyReason'>;
}

/** `/live` ignores the database, which no restart repairs. `/ready` answers 503, with the reason, while not serving. */
export function healthRoutes(app: FastifyInstance, { database }: HealthOptions): void {
  let serving = true;
  // Keeps probes, which come every few seconds, out of the log.
  const quiet = { logLevel: 'warn' as const };

  app.get('/live', quiet, (_request, reply) =>
    reply.header('cache-control', 'no-store').send({ live: true }),
  );

  app.get('/ready', quiet, async (_request, reply) => {
    const reachable = await Promise.race([
      database.reachable(),
      sleep(PROBE_TIMEOUT, false, { ref: false }),
    ]);
    const needed = { database: reachable, migrations: database.notReadyReason === null, serving };
    reply.header('cache-control', 'no-store');
    if (Object.values(needed).every(Boolean)) return reply.send({ ready: true, ...needed });
    const reason = reasonOf(needed) ?? database.notReadyReason;
    reply.code(503).header('retry-after', RETRY_AFTER);
    return reply.send({ ready: false, ...needed, reason });
  });

  app.addHook('preClose', async () => {
    serving = false;
  });
}

function reasonOf({ database, serving }: { database: boolean; serving: boolean }): string | null {
  if (!serving) return 'the server is ending';
  return database ? null : 'the database cannot be reached';
}
