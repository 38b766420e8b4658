import { requireOurs } from '../lib/candidates.js';
import { median, printTable, saveFigures, thousands, verdict } from '../lib/figures.js';
import { sendAtRate } from '../lib/open-loop.js';
import { kinds } from '../lib/requests.js';
import { seedUser } from '../lib/seed.js';
import { prepare, serve } from '../lib/serve.js';
import { signIn } from '../lib/sessions.js';
import { verify } from '../lib/verify.js';
import { WARM_UP, wrk } from '../lib/wrk.js';

const SIZES = [50_000, 5_000_000];
/** Processes for each size: one differs from the next by some percent, for as long as it lives. */
const PROCESSES = 3;
const COUNTS = [1, 10, 100, 1000, 10_000];
const LOSS_ALLOWED = 0.05;
const HOLD_UP_ALLOWED = 20;
const LINEAR = 1.25;

/** What becomes of the server when the table grows, and when one user has very many rows. */
export async function measureGrowth({ rounds, seconds }) {
  const stages = [];
  for (const rows of SIZES) {
    console.log(`Filling a database with ${thousands(rows)} installations`);
    const database = await prepare(`growth_${rows}`, rows);
    const servers = [];
    while (servers.length < PROCESSES)
      servers.push(await serve(requireOurs(), { ...database, user: database.users[0] }));
    stages.push({ rows, servers, ...database });
  }
  const table = await measureTable(stages, { rounds, seconds });
  const [server, ...others] = stages.flatMap(({ servers }) => servers);
  for (const other of others) await other.stop();

  const oneUser = await measureOneUser({ ...stages[0], server }, { rounds, seconds });
  await server.stop();
  saveFigures('growth', { table, oneUser });
}

/** One process after the other, of the sizes in turn: each is compared with the smallest's just before. */
async function measureTable(stages, { rounds, seconds }) {
  const results = [];
  for (const kind of Object.keys(kinds)) {
    for (const { servers, users, databaseUrl } of stages) {
      for (const server of servers) {
        await verify(server, kind, { users, databaseUrl });
        await wrk(server, kind, users, { seconds: WARM_UP });
      }
    }
    const rates = stages.map(() => []);
    for (let turn = 0; turn < rounds * PROCESSES; turn++) {
      for (const [index, { servers, users }] of stages.entries()) {
        // Each process of one size meets each of the other.
        const round = Math.floor(turn / PROCESSES);
        const server = servers[(turn + index * round) % PROCESSES];
        await wrk(server, kind, users, { seconds: 1 });
        rates[index].push((await wrk(server, kind, users, { seconds })).rate);
      }
    }
    for (const [index, { rows }] of stages.entries()) {
      const changes = rates[index].map((rate, turn) => rate / rates[0][turn] - 1);
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
  for (const kind of Object.keys(kinds)) {
    await verify(server, kind, {
      databaseUrl,
      users: [...heavy.map(({ user }) => user), ...users],
    });
    for (const { count, user } of heavy) {
      const times = [];
      for (let round = 0; round < rounds; round++) {
        const { rate } = await wrk(server, kind, [user], { seconds: 1, connections: 1 });
        times.push(1000 / rate);
      }
      const waits = await holdUp(server, kind, user, users, { rounds, seconds });
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
      `≤ ${HOLD_UP_ALLOWED}`,
      verdict(othersLongest <= HOLD_UP_ALLOWED),
    ]),
  );
  for (const kind of Object.keys(kinds)) {
    const [thousand, tenThousand] = results.filter((each) => each.kind === kind).slice(-2);
    const factor = tenThousand.milliseconds / thousand.milliseconds;
    console.log(
      `${kinds[kind].title}: ten times as many installations as 1,000 take ${factor.toFixed(1)} times as long`,
      `(required: linear, at most ${10 * LINEAR}): ${verdict(factor <= 10 * LINEAR)}`,
    );
  }
}
