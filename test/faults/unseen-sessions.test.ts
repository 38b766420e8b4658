import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { SESSION_HEADER } from '../../src/session/session-cookie.js';
import { type Served, serve } from '../cli/process.js';
import { createDatabase, type TestDatabase } from '../helpers/databases.js';
import { createSealer } from '../helpers/sealer.js';
import { PASSWORD } from '../helpers/server.js';
import { size } from '../helpers/size.js';
import { type Answer, ask } from './load.js';

jest.setTimeout(size(60_000, 240_000));
const USERS = 2_000;
const SLOW_USERS = size(100, 800);
const FORGED = size(400, 2_000);
const LIMIT = size(100, 600);
/** Requests at once: of users, and of a flood, more than may wait. */
const USERS_AT_ONCE = 64;
const FORGED_AT_ONCE = 200;
/** Clock ticks in a second, in /proc. */
const TICKS = 100;

let database: TestDatabase;
let server: Served;
beforeAll(async () => {
  database = await createDatabase('PostgreSQL');
  server = await serve({
    ...database.env,
    SESSION_PASSWORD: PASSWORD,
    TRUST_PROXY: '127.0.0.1',
    RATE_LIMIT_ANONYMOUS: String(LIMIT),
    LOG_LEVEL: 'silent',
  });
  const client = new pg.Client({ connectionString: database.env.DATABASE_URL });
  await client.connect();
  await client.query(`INSERT INTO neptun_user (id) SELECT 'user-' || generate_series(0, ${USERS})`);
  await client.end();
});
afterAll(async () => {
  await server?.stop('SIGINT');
  await database?.remove();
});

interface Sealed {
  user: string;
  seal: string;
}

const sealsOf = (sealUser: (user: string) => string, count: number): Sealed[] =>
  Array.from({ length: count }, (_, n) => ({ user: `user-${n}`, seal: sealUser(`user-${n}`) }));

function send({ user, seal }: Sealed, address: string, agent: Agent): Promise<Answer> {
  const headers = { [SESSION_HEADER]: seal, 'x-forwarded-for': address };
  return ask(`${server.url}/api/users/${user}/installations`, { method: 'GET', headers, agent });
}

/** @returns how often each status was answered */
async function sendAll(seals: Sealed[], address: string, atOnce: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const counts: Record<number, number> = {};
  const rest = seals.values();
  const sendRest = async () => {
    for (const sealed of rest) {
      const { status } = await send(sealed, address, agent);
      counts[status] = (counts[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, sendRest));
  agent.destroy();
  return counts;
}

/** Seconds of the server's processor time. */
function processorTime(): number {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

test('sessions that this process has not seen are answered, all behind one address', async () => {
  const address = '192.0.2.1';
  const seals = sealsOf(createSealer(PASSWORD, 1), USERS);
  expect(await sendAll(seals, address, USERS_AT_ONCE)).toEqual({ 200: USERS });
  const slow = sealsOf(createSealer(PASSWORD, 8192), SLOW_USERS);
  expect(await sendAll(slow, address, USERS_AT_ONCE)).toEqual({ 200: SLOW_USERS });
});

test('are refused with 503 alone, for a while, where more come at once than can be opened', async () => {
  const seals = sealsOf(createSealer(PASSWORD, 8192), 6 * LIMIT);
  const { 200: answered = 0, 503: refused = 0 } = await sendAll(seals, '192.0.2.4', 6 * LIMIT);
  expect(answered + refused).toBe(6 * LIMIT);
  expect(refused).toBeGreaterThan(LIMIT);
});

test('are answered too where their address has just sent forged ones, which are refused', async () => {
  const address = '192.0.2.2';
  const forged = sealsOf(createSealer('another password of 32 characters or more', 8192), FORGED);
  const others = new AbortController();
  const slowest = answerOthers(others.signal);
  const [start, before] = [performance.now(), processorTime()];
  const {
    401: unanswered = 0,
    429: limited = 0,
    ...rest
  } = await sendAll(forged, address, FORGED_AT_ONCE);
  const seconds = (performance.now() - start) / 1000;
  const processors = (processorTime() - before) / seconds;
  others.abort();
  const milliseconds = await slowest;

  const unseen = sealsOf(createSealer(PASSWORD, 8192), SLOW_USERS);
  expect(await sendAll(unseen, address, USERS_AT_ONCE)).toEqual({ 200: SLOW_USERS });
  if (FORGED > 400) console.info({ unanswered, limited, rest, seconds, processors, milliseconds });
  // 503: it would have waited for too long, on a slow machine.
  expect(Object.keys(rest).filter((status) => status !== '503')).toEqual([]);
  expect(unanswered).toBeLessThanOrEqual(LIMIT);
});

/** Sends the requests of other addresses, one after the other, of known and of new users. @returns the slowest */
async function answerOthers(signal: AbortSignal) {
  const slowest = { known: 0, unseen: 0 };
  const agent = new Agent({ keepAlive: true });
  const [known] = sealsOf(createSealer(PASSWORD, 1), 1) as [Sealed];
  for (const unseen of sealsOf(createSealer(PASSWORD, 8192), USERS)) {
    if (signal.aborted) break;
    for (const [kind, sealed] of Object.entries({ known, unseen })) {
      const { status, milliseconds } = await send(sealed, '192.0.2.3', agent);
      expect(status).toBe(200);
      slowest[kind as 'known'] = Math.max(slowest[kind as 'known'], milliseconds);
    }
  }
  agent.destroy();
  return slowest;
}
