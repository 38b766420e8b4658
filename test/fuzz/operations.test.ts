import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ExecutionComparison, ServerComparison } from '../helpers/comparisons.js';
import { createCompiledSchema, SCALARS } from '../helpers/compiled-schema.js';
import { createDatabase, type TestDatabase } from '../helpers/databases.js';
import { randomOperations } from '../helpers/random-operations.js';
import { startTestServer, type TestServer } from '../helpers/server.js';
import { size } from '../helpers/size.js';

/** Over the schema of the tests, in the process. */
const OPERATIONS = size(1_000, 95_000);
/** Over the schema of the server, each sent three times. */
const SENT_OPERATIONS = size(100, 5_000);

describe('Random operations', () => {
  let database: TestDatabase;
  let server: TestServer;
  let sent: ServerComparison;
  beforeAll(async () => {
    database = await createDatabase('PostgreSQL');
    server = await startTestServer(database);
    await server.ready;
    sent = await ServerComparison.create(server);
  });
  afterAll(async () => {
    sent?.close();
    await server?.close();
    await database?.remove();
  });

  test(`have the same answers compiled and executed, ${OPERATIONS} of the test schema`, async () => {
    const schema = createCompiledSchema();
    const comparison = new ExecutionComparison(schema);
    await fc.assert(
      fc.asyncProperty(randomOperations(schema, { scalars: SCALARS }), (operation) =>
        comparison.compare(operation),
      ),
      { numRuns: OPERATIONS, ...seed() },
    );
    report(comparison.coverage.counts);
    expect(comparison.coverage.of('compiled')).toBeGreaterThan(OPERATIONS / 2);
  }, 3_600_000);

  test(`have the same answers compiled and executed, ${SENT_OPERATIONS} over HTTP`, async () => {
    await fc.assert(
      fc.asyncProperty(sent.requests, (request) => sent.compare(request)),
      { numRuns: SENT_OPERATIONS, ...seed() },
    );
    report(sent.coverage.counts);
    expect(sent.coverage.of('compiled')).toBeGreaterThan(SENT_OPERATIONS / 5);
  }, 3_600_000);
});

/** Repeats a run, by the seed that it has reported. */
function seed(): { seed: number } {
  const known = process.env.TEST_SEED;
  const seed = known ? Number(known) : Date.now() % 2 ** 31;
  console.info(`seed ${seed}`);
  return { seed };
}

function report(counts: Record<string, number>): void {
  console.info(JSON.stringify(counts));
}
