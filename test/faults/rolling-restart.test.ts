import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Instances, startInstances } from '../deploy/instances.js';
import { createDatabase, describeOnPostgres, type TestDatabase } from '../helpers/databases.js';
import { size } from '../helpers/size.js';
import { addCallers, underLoad } from './load.js';

const REQUESTS = size(2_000, 100_000);
const USERS = 50;

describeOnPostgres('Three instances behind nginx', () => {
  let database: TestDatabase;
  let instances: Instances;

  beforeAll(async () => {
    database = await createDatabase('PostgreSQL');
    instances = await startInstances(database.env.DATABASE_URL ?? '');
  }, 60_000);
  afterAll(async () => {
    await instances?.stop();
    await database?.remove();
  });

  test('fail no request during a rolling restart', async () => {
    const callers = await addCallers(database.env.DATABASE_URL ?? '', USERS);
    let rounds = 0;
    const tally = await underLoad(instances.url, callers, async (soFar) => {
      do {
        await instances.restart();
        rounds++;
      } while (soFar.right < REQUESTS && soFar.wrong.length < 10);
    });
    console.info(`${tally.right} requests, each instance restarted ${rounds} times`);
    expect(tally).toMatchObject({ refused: 0, wrong: [] });
  }, 600_000);
});
