import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from '@jest/globals';
import { type Served, serve } from '../cli/process.js';
import { createDatabase, describeOnEachDatabase, type TestDatabase } from '../helpers/databases.js';
import { startTestServer } from '../helpers/server.js';
import { size } from '../helpers/size.js';
import { acceptsDeliveries, deliver, WEBHOOKS_ALONE } from '../helpers/webhooks.js';

const DELIVERIES = size(40, 1_000);
const KILLS = size(1, 20);
const INSTALLATIONS = 7;
const CONCURRENCY = 4;
const idOf = (n: number) => 7_000_000_000 + (n % INSTALLATIONS);

describeOnEachDatabase('A server that is killed while webhooks arrive', (kind) => {
  let database: TestDatabase;
  let server: Served;
  afterAll(async () => {
    await server?.stop('SIGKILL');
    await database?.remove();
  });

  test(`applies each of ${DELIVERIES} deliveries once, in spite of ${KILLS} kills`, async () => {
    database = await createDatabase(kind);
    const env = { ...WEBHOOKS_ALONE, ...database.env, LOG_LEVEL: 'error' };
    server = await serve(env);
    await acceptsDeliveries(server);
    let acknowledged = 0;
    let failures = 0;
    let isOver = false;

    /** As a sender that repeats what was not acknowledged. */
    const sendUntilAcknowledged = async (n: number) => {
      const payload = { action: 'created', installation: { id: idOf(n) } };
      for (;;) {
        const delivery = { event: 'repository', payload, guid: `delivery-${n}` };
        const response = await deliver(server, delivery).catch(() => null);
        await response?.body?.cancel();
        if (response?.status === 200) break;
        failures++;
        await sleep(20);
      }
      acknowledged++;
    };
    let next = 0;
    const senders = Array.from({ length: CONCURRENCY }, async () => {
      while (next < DELIVERIES) await sendUntilAcknowledged(next++);
    });
    const ended = Promise.all(senders).finally(() => {
      isOver = true;
    });
    for (let kill = 1; kill <= KILLS; kill++) {
      const before = Math.floor((kill * DELIVERIES) / (KILLS + 1));
      while (acknowledged < before && !isOver) await sleep(1);
      await sleep(Math.random() * 10);
      await server.stop('SIGKILL');
      server = await serve(env);
    }
    await ended;
    expect(failures).toBeGreaterThan(0);
    await server.stop('SIGTERM');

    const reader = await startTestServer(database);
    await reader.ready;
    const rows = await reader.sql("SELECT guid FROM github_delivery WHERE guid LIKE 'delivery-%'");
    expect(rows).toHaveLength(DELIVERIES);
    // Each mark makes the version one larger.
    const versions = await reader.sql<{ id: string; version: number }>(
      'SELECT id, version FROM github_fact_installation ORDER BY id',
    );
    const expected = Array.from({ length: INSTALLATIONS }, (_, index) => ({
      id: String(idOf(index)),
      version: Array.from({ length: DELIVERIES }, (_, n) => n).filter(
        (n) => n % INSTALLATIONS === index,
      ).length,
    }));
    expect(versions).toEqual(expected);
    await reader.close();
  }, 600_000);
});
