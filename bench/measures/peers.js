import { candidatesOf } from '../lib/candidates.js';
import { chart } from '../lib/chart.js';
import { median, printTable, saveChart, saveFigures, thousands, verdict } from '../lib/figures.js';
import { withClient } from '../lib/postgres.js';
import { ask, kinds } from '../lib/requests.js';
import { hasAccounts, hasFacts, seedFacts } from '../lib/seed.js';
import { prepare, serve } from '../lib/serve.js';
import { verify } from '../lib/verify.js';
import { WARM_UP, wrk } from '../lib/wrk.js';

/** How fast GraphQL must be, as a share of REST. */
const SHARE_OF_REST = 0.6;

/** Seconds before each measured part of a round, in which connections are made and caches filled again. */
const RUN_UP = 1;

/**
 * Everyone side by side: all are started and their answers verified, then they are loaded in turn,
 * round after round, so that whatever the machine does meanwhile is done to all of them.
 */
export async function measurePeers({ rounds, seconds, only }) {
  const database = await prepare('peers', 50_000);
  const panels = [];
  const facts = await withClient(database.databaseUrl, hasFacts);
  if (facts) await seedFacts(database.databaseUrl);
  const accounts = await withClient(database.databaseUrl, hasAccounts);
  for (const kind of Object.keys(kinds)) {
    const { title, shown } = kinds[kind];
    if ((shown && !accounts) || (shown?.repositories && !facts)) {
      console.log(`${title}: left out, this server has no tables for it`);
      continue;
    }
    const candidates = await measureKind(kind, database, { rounds, seconds, only });
    panels.push({ kind, title, candidates });
    report(title, candidates);
  }
  reportShare(panels);
  if (only) return; // a look at some of them must not replace the figures of all
  saveFigures('peers', { rounds, seconds, connections: 32, users: database.users.length, panels });
  saveChart(chart(panels));
}

async function measureKind(kind, database, { rounds, seconds, only }) {
  const { databaseUrl, users } = database;
  const env = { CONSTANT_BODY: '[]' };
  const running = [];
  for (const candidate of candidatesOf(kind, only)) {
    const server = await serve(candidate, { databaseUrl, user: users[0], kind, env });
    await verify(server, kind, database);
    if (candidate.name === 'ours') env.CONSTANT_BODY = await sampleBody(server, users[0]);
    await wrk(server, kind, users, { seconds: WARM_UP });
    running.push({ server, rates: [] });
  }

  for (let round = 1; round <= rounds; round++) {
    for (const { server, rates } of running) {
      await wrk(server, kind, users, { seconds: RUN_UP });
      const { rate } = await wrk(server, kind, users, { seconds });
      rates.push(rate);
      console.log(
        `${kinds[kind].title} ${round}/${rounds}  ${label(server.candidate)}: ${thousands(rate)}`,
      );
    }
  }

  for (const { server } of running) {
    await verify(server, kind, database);
    await server.stop();
  }
  return compare(kind, running);
}

/** The constant answer is as large as a real one. */
async function sampleBody({ port }, user) {
  return (await ask(port, kinds.rest.request(user))).text;
}

function compare(kind, running) {
  const [ours] = running.map(({ rates }) => median(rates));
  return running.map(({ server: { candidate }, rates }) => {
    const { name, title, remarks } = candidate;
    return {
      name,
      title,
      remarks,
      median: median(rates),
      rates,
      ratio: ours / median(rates),
      required: kind === candidate.kinds[0] ? candidate.required : undefined,
    };
  });
}

const label = ({ title, remarks }) => [title, remarks].filter(Boolean).join(', ');

function report(title, candidates) {
  const rows = candidates.map((candidate) => {
    const { ratio, required, rates } = candidate;
    return [
      label(candidate),
      thousands(candidate.median),
      `${thousands(Math.min(...rates))}–${thousands(Math.max(...rates))}`,
      candidate.name === 'ours' ? '' : `${ratio.toFixed(2)}×`,
      required ? `≥ ${required}×` : '',
      required ? verdict(ratio >= required) : '',
    ];
  });
  const columns = [title, 'requests/s ', 'lowest–highest ', 'this server is ', 'required ', ''];
  printTable(columns, rows);
}

function reportShare(panels) {
  const ours = (kind) => panels.find((panel) => panel.kind === kind).candidates[0].median;
  const share = ours('graphql') / ours('rest');
  console.log(
    `GraphQL answers ${share.toFixed(2)} times as many requests a second as REST`,
    `(required: at least ${SHARE_OF_REST}): ${verdict(share >= SHARE_OF_REST)}`,
  );
}
