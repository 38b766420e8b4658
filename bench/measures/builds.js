import { alternate, startStage } from '../lib/alternate.js';
import { builtIn, requireOurs } from '../lib/candidates.js';
import { median, printTable, saveFigures, thousands, verdict } from '../lib/figures.js';
import { kinds } from '../lib/requests.js';
import { prepare } from '../lib/serve.js';

/** How many times as fast as the build before this one must be. */
const REQUIRED = { rest: 1.1, graphql: 1.05 };

/** Another build of this server beside this one, each on a database of its own with the same rows. */
export async function measureBuilds({ rounds, seconds, before }) {
  if (!before) throw new Error('builds needs --before and the folder of another, built checkout.');
  const builds = { before: builtIn(before, 'the build before'), after: requireOurs() };
  const stages = [];
  for (const [name, candidate] of Object.entries(builds)) {
    const database = await prepare(`builds_${name}`, 50_000, candidate);
    stages.push(await startStage(candidate, database));
  }

  const results = [];
  for (const kind of Object.keys(REQUIRED)) {
    const [before, after] = await alternate(stages, kind, { rounds, seconds });
    const ratio = median(after.map((rate, pair) => rate / before[pair]));
    results.push({ kind, before: median(before), after: median(after), ratio });
  }
  for (const server of stages.flatMap(({ servers }) => servers)) await server.stop();

  printTable(
    ['Two builds', 'before, requests/s ', 'after, requests/s ', 'after/before ', 'required ', ''],
    results.map(({ kind, before, after, ratio }) => [
      kinds[kind].title,
      thousands(before),
      thousands(after),
      `${ratio.toFixed(3)}×`,
      `≥ ${REQUIRED[kind]}×`,
      verdict(ratio >= REQUIRED[kind]),
    ]),
  );
  saveFigures('builds', { results });
}
