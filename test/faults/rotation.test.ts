import { Agent } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Instances, startInstances } from '../deploy/instances.js';
import { createDatabase, describeOnPostgres, type TestDatabase } from '../helpers/databases.js';
import { cookieOf } from '../helpers/server.js';
import { size } from '../helpers/size.js';
import { type Answer, addCallers, type Caller, rest, viewer } from './load.js';

const OLD = 'the old password, which has 32 characters or more';
const NEW = 'the new password, which has 32 characters or more';
const USERS = size(50, 1_000);
const REQUESTS_A_PHASE = size(500, 20_000);
const CLIENTS = 12;

/** Responses by kind; unexpected ones by status and body. */
type Tally = Record<string, number>;

describeOnPostgres('Password rotation on three instances behind nginx', () => {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  let database: TestDatabase;
  let instances: Instances;

  beforeAll(async () => {
    database = await createDatabase('PostgreSQL');
    instances = await startInstances(database.env.DATABASE_URL ?? '', { SESSION_PASSWORD: OLD });
  }, 60_000);
  afterAll(async () => {
    agent.destroy();
    await instances?.stop();
    await database?.remove();
  });

  /** Sends requests with these cookies during `work`, and at least REQUESTS_A_PHASE. */
  async function ask(cookies: Record<string, Caller[]>, work = async () => {}) {
    const tallies: Record<string, Tally> = {};
    const kinds = Object.entries(cookies);
    let [sent, working] = [0, true];
    const client = async () => {
      while (working || sent < REQUESTS_A_PHASE) {
        const n = sent++;
        const [kind, callers] = kinds[n % kinds.length] as [string, Caller[]];
        const caller = callers[Math.floor(n / kinds.length) % callers.length] as Caller;
        const answer = kindOf(await (n % 3 ? rest : viewer)(instances.url, caller, agent), caller);
        tallies[kind] = { ...tallies[kind], [answer]: (tallies[kind]?.[answer] ?? 0) + 1 };
      }
    };
    const clients = Array.from({ length: CLIENTS }, client);
    await work().finally(() => {
      working = false;
    });
    await Promise.all(clients);
    return tallies;
  }

  test('refuses no valid session, and old ones once the old password is removed', async () => {
    const callers = await addCallers(database.env.DATABASE_URL ?? '', USERS);
    const sealedWith = (password: string) =>
      Promise.all(
        callers.map(async (caller) => ({ ...caller, cookie: await cookieOf(caller.id, password) })),
      );
    const [before, after] = [await sealedWith(OLD), await sealedWith(NEW)];
    const right = { right: expect.any(Number) };
    const refused = { refused: expect.any(Number) };
    const accepting = await ask({ before }, () =>
      instances.restart({ SESSION_PASSWORD: NEW, SESSION_PASSWORD_PREVIOUS: OLD }),
    );
    expect(accepting).toEqual({ before: right });
    // The web application can now use the new password.
    const both = await ask({ before, after });
    expect(both).toEqual({ before: right, after: right });
    const dropping = await ask({ before, after }, () =>
      instances.restart({ SESSION_PASSWORD: NEW }),
    );
    expect(dropping).toEqual({ before: { ...right, ...refused }, after: right });
    const changed = await ask({ before, after });
    expect(changed).toEqual({ before: refused, after: right });
    if (size(0, 1)) console.info(JSON.stringify({ accepting, both, dropping, changed }));
  }, 300_000);
});

function kindOf({ status, body }: Answer, { githubId }: Caller): string {
  if (status === 200 && body.includes(`"${githubId}"`)) return 'right';
  if (status === 401 || (status === 200 && body.includes('"UNAUTHENTICATED"'))) return 'refused';
  return `${status} ${body}`;
}
