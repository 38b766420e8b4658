import { expect, test } from '@jest/globals';
import { SESSION_HEADER } from '../../src/session/session-cookie.js';
import { type Started, startServing } from '../cli/process.js';
import { createDatabase } from '../helpers/databases.js';
import { createSealer } from '../helpers/sealer.js';
import { PASSWORD } from '../helpers/server.js';

const OTHER_PASSWORD = 'another password of 32 characters or more';
const seal = createSealer(PASSWORD, 8192);
const SEALS: [reason: string, sealed: string, advice: RegExp][] = [
  ['none', '', /neptun-session.*npm run --silent cli -- session/],
  ['malformed', 'Fe26.2*cut', /whole seal.*as the web application has set it/],
  ['forged', createSealer(OTHER_PASSWORD, 8192)('ada'), /SESSION_PASSWORD is.*NUXT_SESSION_PASS/],
  // Without `createdAt`.
  ['expired', seal('ada'), /SESSION_MAX_AGE/],
  ['nobody', seal(''), /data\.user\.id/],
];

interface Line {
  reqId?: string;
  msg: string;
  session?: string;
}

/** Sends each seal once, with its reason as request id. @returns the log of these requests */
async function sendAll(env: Record<string, string>): Promise<Line[]> {
  const database = await createDatabase('PGlite');
  const settings = { SESSION_PASSWORD: PASSWORD, SESSION_MAX_AGE: '3600' };
  const server: Started = startServing({ ...database.env, ...settings, ...env });
  const [, url] = await server.printed(/listening at (http:[^"]+)/);
  const answers = new Set<string>();
  for (const [reason, sealed] of SEALS) {
    const headers = { 'x-request-id': reason, [SESSION_HEADER]: sealed };
    const response = await fetch(`${url}/api/users/ada/installations`, { headers });
    expect(response.status).toBe(401);
    answers.add(await response.text());
    const graphql = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        ...headers,
        'x-request-id': `${reason}-graphql`,
        'content-type': 'application/json',
      },
      body: '{"query":"{ viewer { id } }"}',
    });
    expect(await graphql.text()).toContain('UNAUTHENTICATED');
  }
  // They need no session.
  await fetch(`${url}/graphql?query={__typename}`, {
    headers: { 'x-request-id': 'public', 'apollo-require-preflight': 'true' },
  });
  await server.stop('SIGINT');
  await database.remove();
  // They do not tell the reasons apart.
  expect(answers.size).toBe(1);
  const printed = server.stdout().split('\n');
  return printed.filter((line) => line.includes('"reqId"')).map((line) => JSON.parse(line));
}

test('a rejected session is explained in the log of development, never in an answer', async () => {
  const lines = await sendAll({});
  for (const [reason, , advice] of SEALS) {
    for (const id of [reason, `${reason}-graphql`]) {
      const explained = lines.filter(({ reqId, msg }) => reqId === id && advice.test(msg));
      expect(explained).toEqual([expect.objectContaining({ session: reason })]);
    }
  }
  expect(lines).toHaveLength(4 * SEALS.length + 1);
});

test('in production, the line of the request names the reason alone', async () => {
  const lines = await sendAll({ NODE_ENV: 'production', HOST: '127.0.0.1' });
  expect(lines.map(({ reqId, msg, session }) => [reqId, msg, session])).toEqual([
    ...SEALS.flatMap(([reason]) => [
      [reason, 'request answered', reason],
      [`${reason}-graphql`, 'request answered', reason],
    ]),
    ['public', 'request answered', 'none'],
  ]);
});
