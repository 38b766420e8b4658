import { requireOurs } from '../lib/candidates.js';
import { median, printTable, saveFigures, verdict } from '../lib/figures.js';
import { prepare, serve } from '../lib/serve.js';

const TIMES = 7;
const ALLOWED = 1000;

/** From the start of the process to the first right answer, on a database that is migrated already. */
export async function measureStartup() {
  const database = await prepare('startup', 50_000);
  const times = [];
  for (let turn = 0; turn < TIMES; turn++) {
    const server = await serve(requireOurs(), { ...database, user: database.users[0], pause: 5 });
    times.push(server.readyAfter);
    await server.stop();
  }
  const middle = median(times);
  printTable(
    ['Start-up', 'median ms ', 'slowest ms ', 'required ', ''],
    [
      [
        'first answer',
        middle.toFixed(0),
        Math.max(...times).toFixed(0),
        `≤ ${ALLOWED}`,
        verdict(middle <= ALLOWED),
      ],
    ],
  );
  saveFigures('startup', { median: middle, times });
}
