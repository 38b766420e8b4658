import { thousands } from './figures.js';
import { kinds } from './requests.js';
import { serve } from './serve.js';
import { verify } from './verify.js';
import { WARM_UP, wrk } from './wrk.js';

/** Processes of each stage: one differs from the next by some percent, for as long as it lives. */
const PROCESSES = 3;

/** Starts the processes of one stage on its database. */
export async function startStage(candidate, database) {
  const servers = [];
  while (servers.length < PROCESSES)
    servers.push(await serve(candidate, { ...database, user: database.users[0] }));
  return { servers, ...database };
}

/**
 * Loads the processes of two stages in turn. Each run of one stage has one of the other beside it, and each
 * process meets each of the other stage.
 *
 * @returns the rates of each stage, pair by pair
 */
export async function alternate(stages, kind, { rounds, seconds }) {
  for (const { servers, users, databaseUrl } of stages) {
    for (const server of servers) {
      await verify(server, kind, { users, databaseUrl });
      await wrk(server, kind, users, { seconds: WARM_UP });
    }
  }
  const rates = stages.map(() => []);
  for (let pair = 0; pair < rounds * PROCESSES; pair++) {
    const round = Math.floor(pair / PROCESSES);
    const order = [...stages.entries()];
    if (pair % 2) order.reverse();
    for (const [index, { servers, users }] of order) {
      const server = servers[(pair + index * round) % PROCESSES];
      await wrk(server, kind, users, { seconds: 1 });
      rates[index].push((await wrk(server, kind, users, { seconds })).rate);
    }
    console.log(
      `${kinds[kind].title} ${pair + 1}/${rounds * PROCESSES}: ` +
        rates.map((ofStage) => thousands(ofStage[pair])).join(' and '),
    );
  }
  return rates;
}
