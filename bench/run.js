// The benchmarks' command line: npm run bench -- [measure …] [options]
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cleanUp } from './lib/processes.js';
import { requireWrk } from './lib/wrk.js';
import { measureBuilds } from './measures/builds.js';
import { measureDeliveries } from './measures/deliveries.js';
import { measureGrowth } from './measures/growth.js';
import { measureLatency } from './measures/latency.js';
import { measureMemory } from './measures/memory.js';
import { measurePeers } from './measures/peers.js';
import { measurePgBouncer } from './measures/pgbouncer.js';
import { measureStartup } from './measures/startup.js';

const measures = {
  peers: measurePeers,
  growth: measureGrowth,
  latency: measureLatency,
  memory: measureMemory,
  deliveries: measureDeliveries,
  startup: measureStartup,
  pgbouncer: measurePgBouncer,
  builds: measureBuilds,
};

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      only: { type: 'string' },
      before: { type: 'string' },
    },
  });
  const asked = positionals.length > 0 ? positionals : ['peers'];
  const all = Object.keys(measures).filter((name) => name !== 'builds' || values.before);
  const names = asked.includes('all') ? all : asked;
  const unknown = names.filter((name) => !(name in measures));
  const settings = {
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    only: values.only?.split(','),
    // npm runs this in bench/, and says where it was called from.
    before: values.before && resolve(process.env.INIT_CWD ?? '.', values.before),
  };
  if (unknown.length > 0 || !(settings.rounds >= 1) || !(settings.seconds >= 1)) {
    throw new Error(
      `Usage: run.js [${Object.keys(measures).join('|')}|all] [--rounds N] [--seconds N] [--only a,b] [--before DIR]`,
    );
  }
  return { names, settings };
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, () => cleanUp().finally(() => process.exit(code)));
}

try {
  const { names, settings } = readArguments();
  await requireWrk();
  for (const name of names) {
    console.log(`\n## ${name}`);
    await measures[name](settings);
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await cleanUp();
}
