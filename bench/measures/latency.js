import { requireOurs } from '../lib/candidates.js';
import { median, printTable, saveFigures, thousands, verdict } from '../lib/figures.js';
import { sendAtRate } from '../lib/open-loop.js';
import { kinds } from '../lib/requests.js';
import { prepare, serve } from '../lib/serve.js';
import { verify } from '../lib/verify.js';
import { WARM_UP, wrk } from '../lib/wrk.js';

const ALLOWED = 5;

/** How long requests take at half of what the server can do. */
export async function measureLatency({ rounds, seconds }) {
  const database = await prepare('latency', 50_000);
  const server = await serve(requireOurs(), { ...database, user: database.users[0] });
  const results = [];
  for (const kind of Object.keys(kinds)) {
    await verify(server, kind, database);
    results.push({
      kind,
      ...(await measureKind(server, kind, database.users, { rounds, seconds })),
    });
  }
  await server.stop();
  report(results);
  saveFigures('latency', { results });
}

async function measureKind(server, kind, users, { rounds, seconds }) {
  await wrk(server, kind, users, { seconds: WARM_UP });
  const { rate: peak } = await wrk(server, kind, users, { seconds });
  const runs = [];
  await sendAtRate(server, kind, users, { rate: peak / 2, seconds: 2 });
  for (let round = 0; round < rounds; round++) {
    runs.push(await sendAtRate(server, kind, users, { rate: peak / 2, seconds }));
  }
  const middle = (key) => median(runs.map((run) => run[key]));
  return {
    peak,
    rate: middle('rate'),
    p50: middle('p50'),
    p99: middle('p99'),
    generator: middle('generator'),
    runs,
  };
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
