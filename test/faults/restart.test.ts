import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { type Served, serve } from '../cli/process.js';
import { createCluster, findPostgres, type PostgresCluster } from '../helpers/postgres-cluster.js';
import { UNLIMITED } from '../helpers/server.js';
import { size } from '../helpers/size.js';
import { addCallers, type Caller, rest, type Tally, underLoad } from './load.js';

const ROUNDS = size(2, 100);
jest.setTimeout(size(30_000, 400_000));
/** Backends that wait for a lock during a statement. */
const IN_MID_QUERY =
  "FROM pg_stat_activity WHERE application_name = 'installations-server' AND wait_event_type = 'Lock'";

let cluster: PostgresCluster;
let server: Served;
let callers: Caller[];

beforeAll(async () => {
  cluster = await createCluster(findPostgres() as string);
  server = await serve({ DATABASE_URL: cluster.url, ...UNLIMITED });
  callers = await addCallers(cluster.url, 50);
});
afterAll(async () => {
  await cluster?.remove();
});

async function withAdmin<Result>(work: (admin: pg.Client) => Promise<Result>): Promise<Result> {
  const admin = new pg.Client({ connectionString: cluster.url });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

/** Runs `work` while statements that read users wait for a lock. */
function whileLocked(work: (unlock: () => Promise<unknown>) => Promise<void>): Promise<void> {
  return withAdmin(async (locker) => {
    await locker.query('BEGIN');
    await locker.query('LOCK TABLE neptun_user IN ACCESS EXCLUSIVE MODE');
    await work(() => locker.query('COMMIT'));
  });
}

const terminate = (admin: pg.Client, from: string) =>
  admin.query(`SELECT pg_terminate_backend(pid) ${from}`);

/** Milliseconds until each sender could get another correct response. */
async function untilRecovered(tally: Tally): Promise<number> {
  const start = Date.now();
  const { right } = tally;
  while (tally.right < right + 16) {
    if (Date.now() - start > 10_000) throw new Error('no recovery within 10 s');
    await sleep(5);
  }
  return Date.now() - start;
}

test('a read succeeds although its backend is killed during the statement', async () => {
  await whileLocked(async (unlock) => {
    const answer = rest(server.url, callers[0] as Caller);
    await withAdmin(async (other) => {
      while ((await terminate(other, IN_MID_QUERY)).rowCount === 0) await sleep(5);
    });
    await unlock();
    expect(await answer).toMatchObject({
      status: 200,
      body: expect.stringContaining(callers[0]?.githubId as string),
    });
  });
});

test('a read is repeated only once', async () => {
  await whileLocked(async (unlock) => {
    const answer = rest(server.url, callers[0] as Caller);
    await withAdmin(async (other) => {
      for (let killed = 0; killed < 2; await sleep(5))
        killed += (await terminate(other, IN_MID_QUERY)).rowCount ?? 0;
    });
    expect(await answer).toMatchObject({ status: 503, retryAfter: '2' });
    await unlock();
  });
});

test(`responses stay correct under load while all backends are killed, ${ROUNDS} times`, async () => {
  const recoveries: number[] = [];
  const tally = await underLoad(server.url, callers, async (tally) => {
    await untilRecovered(tally);
    for (let round = 0; round < ROUNDS; round++) {
      await withAdmin((admin) =>
        terminate(admin, "FROM pg_stat_activity WHERE application_name = 'installations-server'"),
      );
      recoveries.push(await untilRecovered(tally));
    }
  });
  report('backends killed', tally, recoveries);
});

test.each([
  ['fast', 'SIGINT'],
  ['immediate', 'SIGQUIT'],
] as const)(
  `responses stay correct under load while PostgreSQL is restarted (%s), ${ROUNDS} times`,
  async (_mode, signal) => {
    const recoveries: number[] = [];
    const tally = await underLoad(server.url, callers, async (tally) => {
      for (let round = 0; round < ROUNDS; round++) {
        await untilRecovered(tally);
        const { refused } = tally;
        await cluster.stop(signal);
        while (tally.refused === refused) await sleep(5);
        await cluster.start();
        recoveries.push(await untilRecovered(tally));
      }
    });
    report(`stopped by ${signal}`, tally, recoveries);
  },
);

function report(what: string, { right, refused, wrong, slowest }: Tally, recoveries: number[]) {
  const recovery = Math.max(...recoveries);
  if (ROUNDS > 2) console.info({ what, right, refused, wrong: wrong.length, slowest, recovery });
  expect(wrong).toEqual([]);
  expect(slowest).toBeLessThan(3_000);
  expect(recovery).toBeLessThan(2_000);
}
