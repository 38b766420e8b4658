import { alternate, startStage } from '../lib/alternate.js';
import { requireOurs } from '../lib/candidates.js';
import { median, printTable, saveFigures, thousands, verdict } from '../lib/figures.js';
import { sendAtRate } from '../lib/open-loop.js';
import { kinds, mainKinds } from '../lib/requests.js';
import { seedUser } from '../lib/seed.js';
import { prepare } from '../lib/serve.js';
import { signIn } from '../lib/sessions.js';
import { verify } from '../lib/verify.js';
import { wrk } from '../lib/wrk.js';

const SIZES = [50_000, 5_000_000];
const COUNTS = [1, 10, 100, 1000, 10_000];
/** Beyond, only right answers are required: the waits of others are for information. */
const LARGEST_REQUIRED = 1000;
const LOSS_ALLOWED = 0.05;
const HOLD_UP_ALLOWED = 20;
const LINEAR = 1.25;

/** What becomes of the server when the table grows, and when one user has very many rows. */
export async function measureGrowth({ rounds, seconds }) {
  const stages = [];
  for (const rows of SIZES) {
    console.log(`Filling a database with ${thousands(rows)} installations`);
    const database = await prepare(`growth_${rows}`, rows);
    stages.push({ rows, ...(await startStage(requireOurs(), database)) });
  }
  const table = await measureTable(stages, { rounds, seconds });
  const [server, ...others] = stages.flatMap(({ servers }) => servers);
  for (const other of others) await other.stop();

  const oneUser = await measureOneUser({ ...stages[0], server }, { rounds, seconds });
  await server.stop();
  saveFigures('growth', { table, oneUser });
}

/** Each run on the large table is compared with the one on the small table beside it. */
async function measureTable(stages, options) {
  const results = [];
  for (const kind of mainKinds) {
    const rates = await alternate(stages, kind, options);
    for (const [index, { rows }] of stages.entries()) {
      const changes = rates[index].map((rate, pair) => rate / rates[0][pair] - 1);
      results.push({
        kind,
        rows,
        rate: median(rates[index]),
        rates: rates[index],
        change: median(changes),
      });
    }
  }
  printTable(
    ['Rows in the table', 'installations ', 'requests/s ', 'change ', 'required ', ''],
    results.map(({ kind, rows, rate, change }) => [
      kinds[kind].title,
      thousands(rows),
      thousands(rate),
      `${(change * 100).toFixed(1)}%`,
      `≥ -${LOSS_ALLOWED * 100}%`,
      verdict(change >= -LOSS_ALLOWED),
    ]),
  );
  return results;
}

async function measureOneUser({ server, databaseUrl, users }, { rounds, seconds }) {
  const heavy = [];
  for (const count of COUNTS) {
    await seedUser(databaseUrl, `owner-of-${count}`, count);
    heavy.push({ count, user: await signIn(`owner-of-${count}`) });
  }
  const results = [];
  for (const kind of mainKinds) {
    for (const { count, user } of heavy) {
      await verify(server, kind, { databaseUrl, users: [user, users[0]] });
      const times = [];
      for (let round = 0; round < rounds; round++) {
        const { rate } = await wrk(server, kind, [user], { seconds: 1, connections: 1 });
        times.push(1000 / rate);
      }
      const waits = await holdUp(server, kind, user, users, { rounds, seconds });
      await verify(server, kind, { databaseUrl, users: [user, users[0]] });
      results.push({ kind, count, milliseconds: median(times), ...waits });
    }
  }
  report(results);
  return results;
}

/**
 * The longest that others wait while one client asks for this user again and again.
 * The others come at a gentle, fixed rate, so that it is not each other they wait for. The median
 * over the rounds keeps out what the machine does by chance, but nothing that happens regularly.
 */
async function holdUp(server, kind, user, others, { rounds, seconds }) {
  const runs = [];
  for (let round = 0; round < rounds; round++) {
    const [waits] = await Promise.all([
      sendAtRate(server, 'rest', others, { rate: 200, seconds: seconds - 0.5, connections: 32 }),
      wrk(server, kind, [user], { seconds, connections: 1 }),
    ]);
    runs.push(waits);
  }
  const longest = runs.map(({ max }) => max);
  return {
    othersMedian: median(runs.map(({ p50 }) => p50)),
    othersLongest: median(longest),
    longest,
  };
}

function report(results) {
  printTable(
    [
      'One user',
      'installations ',
      'ms a request ',
      'µs an installation ',
      'others: median ms ',
      'longest ms ',
      'required ',
      '',
    ],
    results.map(({ kind, count, milliseconds, othersMedian, othersLongest }) => [
      kinds[kind].title,
      thousands(count),
      milliseconds.toFixed(2),
      ((milliseconds * 1000) / count).toFixed(1),
      othersMedian.toFixed(1),
      othersLongest.toFixed(1),
      ...(count <= LARGEST_REQUIRED
        ? [`≤ ${HOLD_UP_ALLOWED}`, verdict(othersLongest <= HOLD_UP_ALLOWED)]
        : ['right answers', verdict(true)]),
    ]),
  );
  for (const kind of mainKinds) {
    const timeOf = (count) =>
      results.find((each) => each.kind === kind && each.count === count).milliseconds;
    const factor = timeOf(1000) / timeOf(100);
    console.log(
      `${kinds[kind].title}: ten times as many installations as 100 take ${factor.toFixed(1)} times as long`,
      `(required: linear, at most ${10 * LINEAR}): ${verdict(factor <= 10 * LINEAR)}`,
    );
  }
}
