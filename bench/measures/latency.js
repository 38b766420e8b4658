import { requireOurs } from '../lib/candidates.js';
import { median, printTable, saveFigures, thousands, verdict } from '../lib/figures.js';
import { sendAtRate } from '../lib/open-loop.js';
import { kinds, mainKinds } from '../lib/requests.js';
import { prepare, serve } from '../lib/serve.js';
import { verify } from '../lib/verify.js';
import { WARM_UP, wrk } from '../lib/wrk.js';

const ALLOWED = 5;

/** How long requests take at half of what the server can do just then: machines have fast and slow moments. */
export async function measureLatency({ rounds, seconds }) {
  const database = await prepare('latency', 50_000);
  const server = await serve(requireOurs(), { ...database, user: database.users[0] });
  const runs = Object.fromEntries(mainKinds.map((kind) => [kind, []]));
  for (const kind of Object.keys(runs)) {
    await verify(server, kind, database);
    await wrk(server, kind, database.users, { seconds: WARM_UP });
    await atHalfLoad(server, kind, database.users, 2);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [kind, ofKind] of Object.entries(runs))
      ofKind.push(await atHalfLoad(server, kind, database.users, seconds));
  }
  await server.stop();
  const results = Object.entries(runs).map(([kind, ofKind]) => summary(kind, ofKind));
  report(results);
  saveFigures('latency', { results });
}

async function atHalfLoad(server, kind, users, seconds) {
  const { rate: peak } = await wrk(server, kind, users, { seconds });
  return { peak, ...(await sendAtRate(server, kind, users, { rate: peak / 2, seconds })) };
}

function summary(kind, runs) {
  const medians = ['peak', 'rate', 'p50', 'p99', 'generator'].map((key) => [
    key,
    median(runs.map((run) => run[key])),
  ]);
  return { kind, ...Object.fromEntries(medians), runs };
}

function report(results) {
  printTable(
    [
      'At half load',
      'requests/s ',
      'p50 ms ',
      'p99 ms ',
      'required ',
      '',
      "generator's share of a core ",
    ],
    results.map(({ kind, rate, p50, p99, generator }) => [
      kinds[kind].title,
      thousands(rate),
      p50.toFixed(2),
      p99.toFixed(2),
      `≤ ${(p50 + ALLOWED).toFixed(2)}`,
      verdict(p99 <= p50 + ALLOWED),
      `${(generator * 100).toFixed(0)}%`,
    ]),
  );
}
