import { readFileSync } from 'node:fs';
import { requireOurs } from '../lib/candidates.js';
import { median, printTable, saveFigures, thousands, verdict } from '../lib/figures.js';
import { mainKinds } from '../lib/requests.js';
import { prepare, serve } from '../lib/serve.js';
import { wrk } from '../lib/wrk.js';

const TOTAL = 1_000_000;
const ALLOWED = 200;
const GROWTH_ALLOWED = 0.05;

/** Resident memory of a process, in MB. */
const residentMemory = (pid) =>
  (Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024) / 1e6;

/** Resident memory over a million requests, REST and GraphQL by turns. */
export async function measureMemory() {
  const database = await prepare('memory', 50_000);
  const server = await serve(requireOurs(), { ...database, user: database.users[0] });
  const samples = [{ requests: 0, megabytes: residentMemory(server.pid) }];
  let requests = 0;

  const sampling = setInterval(
    () => samples.push({ requests, megabytes: residentMemory(server.pid) }),
    500,
  );
  while (requests < TOTAL) {
    for (const kind of mainKinds) {
      requests += (await wrk(server, kind, database.users, { seconds: 2 })).requests;
    }
  }
  clearInterval(sampling);
  samples.push({ requests, megabytes: residentMemory(server.pid) });
  await server.stop();
  report(samples);
}

/** "Flat": the last quarter of the requests needs no more than the one before it. */
function report(samples) {
  const { requests } = samples.at(-1);
  const between = (from, to) =>
    samples
      .filter((sample) => sample.requests >= from * requests && sample.requests <= to * requests)
      .map(({ megabytes }) => megabytes);
  const warm = between(0.05, 1)[0];
  const [third, last] = [median(between(0.5, 0.75)), median(between(0.75, 1))];
  const highest = Math.max(...between(0, 1));
  const growth = last / third - 1;

  const mb = (value) => `${value.toFixed(0)} MB`;
  printTable(
    ['Resident memory', 'measured ', 'required ', ''],
    [
      ['at the start', mb(samples[0].megabytes), '', ''],
      ['warm', mb(warm), '', ''],
      ['third quarter, median', mb(third), '', ''],
      [
        'last quarter, median',
        `${mb(last)} (${(growth * 100).toFixed(1)}%)`,
        `≤ +${GROWTH_ALLOWED * 100}%`,
        verdict(growth <= GROWTH_ALLOWED),
      ],
      [
        `highest in ${thousands(requests)} requests`,
        mb(highest),
        `≤ ${mb(ALLOWED)}`,
        verdict(highest <= ALLOWED),
      ],
    ],
  );
  saveFigures('memory', { requests, warm, third, last, highest, growth, samples });
}
