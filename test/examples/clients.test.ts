import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Ended } from '../cli/process.js';
import { cookieOf, startTestServer, type TestServer, useServer } from '../helpers/server.js';
import { programsOf, RELAY_QUERY, runProgram, runPython, runRelay } from './client-programs.js';
import { hasPython } from './python.js';

const HTTPX = 'httpx and pydantic';
const GRAPHQL = ['Apollo Client 4', 'urql', 'graphql-request', 'Relay'];
const RUNS: Record<string, (program: string, cookie: string) => Promise<Ended>> = {
  [HTTPX]: runPython,
  Relay: (environment, cookie) =>
    runRelay(environment, cookie, { cacheID: 'a', id: null, text: RELAY_QUERY }),
};
const REST = ['openapi-fetch', ...(hasPython() ? [HTTPX] : [])];

/** The output of the example of a client, as a user or without a session. */
async function outputOf(client: string, url: string, userId?: string): Promise<string> {
  const cookie = userId === undefined ? 'a=b' : await cookieOf(userId);
  const [program = ''] = await programsOf(client, url);
  const run = RUNS[client] ?? runProgram;
  const { stdout, stderr } = await run(program, cookie);
  return stdout + stderr;
}

describe('The example of each client', () => {
  const server = useServer('PGlite');

  test.each([...GRAPHQL, ...REST])('prints the installations: %s', async (client) => {
    expect(await outputOf(client, server().url, 'user123')).toContain('12345678');
  });

  test.each(GRAPHQL)('reads the code of a missing session: %s', async (client) => {
    expect(await outputOf(client, server().url)).toMatch(/^UNAUTHENTICATED\b/);
  });

  test.each(REST)('reads the error of a missing session: %s', async (client) => {
    expect(await outputOf(client, server().url)).toMatch(/^401 Not signed in: /);
  });

  test('of urql needs POST, as its GET from another server is refused', async () => {
    const [program = ''] = await programsOf('urql', server().url);
    const byGet = program.replace('preferGetMethod: false', 'preferGetMethod: true');
    const { stdout } = await runProgram(byGet, await cookieOf('user123'));
    expect(stdout).toMatch(/^BAD_REQUEST\b/);
  });

  test('keeps a user and an installation of one id apart in Relay’s store', async () => {
    const userId = await server().addUser([], '900005');
    await server().sql(
      `INSERT INTO github_app_installation (id, neptun_user_id, github_installation_id)
       VALUES ($1::int, $1::text, 7)`,
      [userId],
    );
    const output = await outputOf('Relay', server().url, userId);
    expect(output).toContain('GithubAppInstallation:900005 User:900005 client:root');
  });

  /** The answers of a route of Nuxt, with a session and without one. */
  async function answersOf(route: number, path: string): Promise<string[]> {
    const program = (await programsOf('Nuxt', server().url))[route] ?? '';
    const cookie = await cookieOf('user123');
    const { stdout, stderr } = await runProgram(program, cookie, 'nuxt-main.mjs', path);
    expect(stderr).toBe('');
    return stdout.split('\n');
  }

  test('of Nuxt’s route by GraphQL has its data and its code', async () => {
    const [signedIn, anonymous] = await answersOf(0, '/api/installations');
    expect(signedIn).toMatch(/^200 .*"githubInstallationId":"12345678"/s);
    expect(anonymous).toMatch(/^401 .*UNAUTHENTICATED/s);
  });

  test('of Nuxt’s proxy has its status and headers', async () => {
    const [signedIn, anonymous] = await answersOf(1, '/api/users/user123/installations');
    const answer = await server().rest('user123');
    expect(signedIn).toBe(
      `200 ${answer.headers.get('etag')} ${JSON.stringify(await answer.json())}`,
    );
    expect(anonymous).toMatch(/^401 null .*Not signed in/);
  });
});

describe('The example of each client, where the server refuses', () => {
  let server: TestServer;
  beforeAll(async () => {
    const DATABASE_URL = 'postgresql://nobody@127.0.0.1:1/none';
    const database = { env: { DATABASE_URL, DATA_DIR: 'unused' }, remove: async () => {} };
    server = await startTestServer(database, { RATE_LIMIT: '1' });
  });
  afterAll(() => server.close());
  const outputOverLimit = async (client: string) => {
    await server.rest('user123');
    return outputOf(client, server.url, 'user123');
  };

  test.each(GRAPHQL)('reads the code over the rate limit: %s', async (client) => {
    expect(await outputOverLimit(client)).toMatch(/^RATE_LIMITED\b/);
  });

  test.each(REST)('reads when to retry over the rate limit: %s', async (client) => {
    expect(await outputOverLimit(client)).toMatch(/^429 Too many requests: .* \d+\n$/);
  });

  test.each(['urql', 'graphql-request'])(
    'reads when to retry without a database: %s',
    async (client) => {
      expect(await outputOf(client, server.url, `user of ${client}`)).toMatch(
        /^SERVICE_UNAVAILABLE \d+\n$/,
      );
    },
  );
});
