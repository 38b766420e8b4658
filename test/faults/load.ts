import { Agent, request } from 'node:http';
import pg from 'pg';
import { cookieOf } from '../helpers/server.js';

const CONCURRENCY = 16;
/** Compiled at its first use. */
const QUERY = JSON.stringify({ query: '{ viewer { installations { githubInstallationId } } }' });

export interface Caller {
  id: string;
  githubId: string;
  cookie: string;
}

export interface Answer {
  status: number;
  retryAfter: string | undefined;
  body: string;
  milliseconds: number;
}

/** Counts of responses under load. */
export interface Tally {
  right: number;
  /** 503, or `SERVICE_UNAVAILABLE` in GraphQL. */
  refused: number;
  /** A wrong body, another user's data, another status, or no response. */
  wrong: string[];
  /** Milliseconds. */
  slowest: number;
}

/** Adds users with one installation each to a migrated database. */
export async function addCallers(databaseUrl: string, count: number): Promise<Caller[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const callers: Caller[] = [];
  for (let n = 0; n < count; n++) {
    const [id, githubId] = [`caller-${n}`, String(7_000_000_000 + n)];
    await client.query('INSERT INTO neptun_user (id) VALUES ($1)', [id]);
    await client.query(
      'INSERT INTO github_app_installation (neptun_user_id, github_installation_id) VALUES ($1, $2)',
      [id, githubId],
    );
    callers.push({ id, githubId, cookie: await cookieOf(id) });
  }
  await client.end();
  return callers;
}

/** Sends REST and GraphQL requests from CONCURRENCY clients until `work` ends. */
export async function underLoad(
  url: string,
  callers: Caller[],
  work: (tally: Tally) => Promise<void>,
): Promise<Tally> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  const tally: Tally = { right: 0, refused: 0, wrong: [], slowest: 0 };
  let sent = 0;
  let working = true;
  const send = async () => {
    while (working) {
      const n = sent++;
      const caller = callers[n % callers.length] as Caller;
      const answer = await (n % 3 === 0 ? viewer : rest)(url, caller, agent);
      count(tally, caller, answer);
    }
  };
  const senders = Array.from({ length: CONCURRENCY }, send);
  try {
    await work(tally);
  } finally {
    working = false;
    await Promise.all(senders);
    agent.destroy();
  }
  return tally;
}

export const rest = (url: string, { id, cookie }: Caller, agent?: Agent): Promise<Answer> =>
  ask(`${url}/api/users/${id}/installations`, { method: 'GET', headers: { cookie }, agent });

export const viewer = (url: string, { cookie }: Caller, agent?: Agent): Promise<Answer> =>
  ask(
    `${url}/graphql`,
    { method: 'POST', headers: { cookie, 'content-type': 'application/json' }, agent },
    QUERY,
  );

function count(tally: Tally, { id, githubId }: Caller, answer: Answer): void {
  const { status, body } = answer;
  const ids = [...body.matchAll(/"(?:github_installation_id|githubInstallationId)":"(\d+)"/g)];
  if (status === 200 && ids.length === 1 && ids[0]?.[1] === githubId) tally.right++;
  else if (status === 503 && answer.retryAfter) tally.refused++;
  else if (status === 200 && body.includes('"SERVICE_UNAVAILABLE"')) tally.refused++;
  else tally.wrong.push(`${id}: ${status} ${body}`);
  tally.slowest = Math.max(tally.slowest, answer.milliseconds);
}

/** Sends one request; status 0: no response. */
export function ask(
  url: string,
  options: { method: string; headers: Record<string, string>; agent?: Agent | undefined },
  body?: string,
): Promise<Answer> {
  const start = performance.now();
  return new Promise((resolve) => {
    const end = (status: number, text: string, retryAfter?: string) =>
      resolve({ status, retryAfter, body: text, milliseconds: performance.now() - start });
    const sending = request(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () =>
        end(response.statusCode ?? 0, text, response.headers['retry-after']),
      );
    });
    sending.on('error', (error) => end(0, error.message));
    sending.end(body);
  });
}
