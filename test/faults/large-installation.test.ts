import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Installation } from '../../src/explore/demo-github/model.js';
import { type Served, serve } from '../cli/process.js';
import { createDatabase, type TestDatabase } from '../helpers/databases.js';
import { startGithub, type TestGithub } from '../helpers/github.js';
import { execute } from '../helpers/other-tables.js';
import { UNLIMITED } from '../helpers/server.js';
import { size } from '../helpers/size.js';
import { deliver } from '../helpers/webhooks.js';
import { addCallers, type Caller } from './load.js';
import { pinApart, readMeanwhile } from './steady-reader.js';

const REPOSITORIES = size(1_000, 10_000);

let github: TestGithub;
let database: TestDatabase;
let server: Served;
let caller: Caller;

beforeAll(async () => {
  github = await startGithub();
  database = await createDatabase('PostgreSQL');
  server = await serve({ ...github.env, ...database.env, ...UNLIMITED });
  [caller] = (await addCallers(database.env.DATABASE_URL ?? '', 1)) as [Caller];
  github.deliverTo(server.url);
  if (size(0, 1)) pinApart(server);
}, 60_000);
afterAll(async () => {
  await server?.stop('SIGTERM');
  await github?.close();
  await database?.remove();
});

const WRITTEN = `
  SELECT count(*)::integer AS count FROM github_fact_repository
  JOIN github_fact_installation AS installation ON installation.id = installation_id AND dirty_since IS NULL`;

async function untilWritten(): Promise<void> {
  for (;;) {
    const [row] = await execute<{ count: number }>(database, WRITTEN);
    if (row?.count === REPOSITORIES) return;
    await sleep(100);
  }
}

async function untilEdited(): Promise<void> {
  for (;;) {
    const [row] = await execute<{ count: number }>(
      database,
      "SELECT count(*)::integer AS count FROM github_fact_repository WHERE description = 'edited'",
    );
    if (row?.count === REPOSITORIES) return;
    await sleep(100);
  }
}

const reader = () => ({
  url: server.url,
  path: `/api/users/${caller.id}/installations`,
  cookie: caller.cookie,
});

/** MB. */
function peakMemory(): number {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

test(`An installation of ${REPOSITORIES} repositories is written while others read`, async () => {
  const { world, actions, app } = github;
  const account = world.addAccount('large');
  for (let index = 0; index < REPOSITORIES; index++)
    actions.createRepository(account, { name: `repository-${index}` });
  const memory = peakMemory();
  const started = performance.now();
  const others = await readMeanwhile(reader(), () => {
    actions.install(app, account);
    return untilWritten();
  });
  console.info(
    `${REPOSITORIES} repositories after ${(performance.now() - started).toFixed(0)} ms, ` +
      `memory + ${(peakMemory() - memory).toFixed(0)} MB, others: ${JSON.stringify(others)}`,
  );
  expect(others.statuses).toEqual([200]);
  expect(others.slowest).toBeLessThan(1_000);
}, 120_000);

test(`Imports of ${REPOSITORIES} repositories are read again and again while others read`, async () => {
  const [row] = await execute<{ id: number }>(
    database,
    `INSERT INTO github_app_installation (neptun_user_id, github_installation_id)
     SELECT '${caller.id}', id FROM github_fact_installation RETURNING id`,
  );
  const imports = `${server.url}${reader().path}/${row?.id}/imports`;
  const times: number[] = [];
  const others = await readMeanwhile(reader(), async () => {
    for (const end = Date.now() + 5_000; Date.now() < end; ) {
      const started = performance.now();
      const answer = await fetch(imports, { headers: { cookie: caller.cookie } });
      expect(await answer.json()).toHaveLength(REPOSITORIES);
      times.push(performance.now() - started);
    }
  });
  times.sort((a, b) => a - b);
  console.info(
    `${times.length} times: median ${times[times.length >> 1]?.toFixed(0)} ms, others: ${JSON.stringify(others)}`,
  );
  expect(others.statuses).toEqual([200]);
  expect(others.slowest).toBeLessThan(1_000);
}, 60_000);

test(`Deliveries find the installation of ${REPOSITORIES} repositories free while it is written`, async () => {
  const { world, actions } = github;
  const [installation] = [...world.installations.values()] as [Installation];
  const { id } = installation;
  const send = async (event: string, payload: object) => {
    const started = performance.now();
    const { status } = await deliver(server, {
      event,
      payload: { installation: { id }, ...payload },
    });
    expect(status).toBe(200);
    return performance.now() - started;
  };
  // Each would tell of one; a mark alone makes all of them be asked for.
  world.deliveries.carry = () => {};
  for (const repository of world.repositoriesOf(installation.account))
    actions.editRepository(repository, { description: 'edited' });
  await send('repository', { action: 'created' });
  const times: number[] = [];
  let isOver = false;
  const written = untilEdited().finally(() => {
    isOver = true;
  });
  // It takes the same lock, and outdates no answer.
  while (!isOver) times.push(await send('organization', { action: 'member_added' }));
  await written;
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(share * (times.length - 1))]?.toFixed(0);
  console.info(`${times.length} deliveries: median ${at(0.5)} ms, slowest ${at(1)} ms`);
  expect(times.at(-1)).toBeLessThan(2_000);
}, 120_000);
