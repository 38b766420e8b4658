import { expect, test } from '@jest/globals';
import {
  droppedLines,
  operations,
  requests,
  sessions,
  statements,
} from '../../src/observability/events.js';
import { sealSession } from '../../src/session/seal-session.js';
import { createDatabase, describeOnEachDatabase } from '../helpers/databases.js';
import { exchange, statusesOf } from '../helpers/raw-http.js';
import {
  cookieOf,
  PASSWORD,
  startTestServer,
  type TestServer,
  useServer,
} from '../helpers/server.js';

const REST = '/api/users/:userId/installations';

async function scrape({ metricsUrl }: TestServer): Promise<string> {
  return (await fetch(`${metricsUrl}/metrics`)).text();
}

/** The value of a time series; 0: missing. */
async function read(server: TestServer, series: string): Promise<number> {
  const lines = (await scrape(server)).split('\n');
  return Number(lines.find((line) => line.startsWith(`${series} `))?.slice(series.length) ?? 0);
}

/** The increase of each time series during `work`. */
async function growth(
  server: TestServer,
  series: string[],
  work: () => Promise<unknown>,
): Promise<number[]> {
  const values = () => Promise.all(series.map((name) => read(server, name)));
  const before = await values();
  await work();
  return (await values()).map((value, index) => value - (before[index] ?? 0));
}

const request = (method: string, route: string, status: number) =>
  `http_requests_total{method="${method}",route="${route}",status="${status}"}`;
const session = (outcome: string) => `sessions_total{outcome="${outcome}"}`;
const operation = (name: string, error = 'none') =>
  `graphql_operations_total{operation="${name}",error="${error}"}`;

describeOnEachDatabase('Metrics', (kind) => {
  const server = useServer(kind, { METRICS_PORT: '0', SESSION_MAX_AGE: '60' });

  test.each([
    ['GET /metrics?a=b HTTP/1.1\r\nHost: a\r\n\r\n', 200],
    ['GET //metrics/ HTTP/1.0\r\n\r\n', 200],
    ['GET http://a:1/metrics HTTP/1.1\r\nHost:\r\n\r\n', 200],
    ['HEAD /metrics HTTP/1.0\r\n\r\n', 200],
    ['POST /metrics HTTP/1.0\r\n\r\n', 405],
    ['GET /metricsx HTTP/1.0\r\n\r\n', 404],
    ['GET /x?/metrics HTTP/1.0\r\n\r\n', 404],
  ])('are answered as monitors ask: %j, %i', async (bytes, status) => {
    const answer = await exchange(server().metricsUrl as string, bytes);
    expect(statusesOf(answer)).toEqual([status]);
    expect(answer.includes('# HELP')).toBe(status === 200 && bytes.startsWith('GET'));
  });

  test('count requests by method, route and status, and measure durations by route', async () => {
    const userId = await server().addUser(['17']);
    const series = [
      request('GET', REST, 200),
      request('GET', REST, 401),
      request('DELETE', REST, 405),
      request('GET', '(none)', 404),
      `http_request_duration_seconds_count{route="${REST}"}`,
      `http_request_duration_seconds_bucket{le="5",route="${REST}"}`,
    ];
    const grown = await growth(server(), series, async () => {
      await server().rest(userId);
      await server().rest(userId);
      await server().rest(userId, { as: null });
      await server().rest(userId, { method: 'DELETE' });
      await fetch(`${server().url}/of-nobody/${userId}`);
    });
    expect(grown).toEqual([2, 1, 1, 1, 4, 4]);
  });

  test('count an operation before and after it is compiled', async () => {
    const userId = await server().addUser();
    const ask = () => server().graphql({ query: 'query Mine { viewer { id } }' }, { as: userId });
    const grown = await growth(server(), [operation('Mine')], async () => {
      for (let times = 0; times < 6; times++) expect((await ask()).status).toBe(200);
    });
    expect(grown).toEqual([6]);
  });

  test('count operations by name and error code, without names of invalid ones', async () => {
    const userId = await server().addUser();
    await server().graphql({ query: 'query Seen { viewer { id } }' }, { as: userId });
    const series = [
      operation('(anonymous)', 'UNAUTHENTICATED'),
      operation('(anonymous)', 'NOT_FOUND'),
      operation('(invalid)', 'GRAPHQL_VALIDATION_FAILED'),
      operation('(invalid)', 'GRAPHQL_PARSE_FAILED'),
      operation('Seen', 'UNAUTHENTICATED'),
      operation('(other)', 'UNAUTHENTICATED'),
    ];
    const grown = await growth(server(), series, async () => {
      await server().graphql({ query: '{ viewer { id } }' });
      await server().graphql({ query: '{ user(id: "another") { id } }' }, { as: userId });
      await server().graphql({ query: 'query Wrong { nothing }' }, { as: userId });
      await server().graphql({ query: 'query Wrong {' }, { as: userId });
      await server().graphql({ query: 'query Seen { viewer { id } }' });
      await server().graphql({ query: 'query Unseen { viewer { id } }' });
    });
    expect(grown).toEqual([1, 1, 1, 1, 1, 1]);
    expect(await scrape(server())).not.toMatch(/Wrong|Unseen/);
  });

  test('count sessions by outcome', async () => {
    const userId = await server().addUser();
    const cookie = await cookieOf(userId);
    const expired = `neptun-session=${await sealSession(userId, PASSWORD, -120)}`;
    const ask = (cookie: string) => server().rest(userId, { as: null, headers: { cookie } });
    const outcomes = ['none', 'opened', 'remembered', 'forged', 'expired', 'malformed'];
    const grown = await growth(server(), outcomes.map(session), async () => {
      await server().rest(userId, { as: null });
      for (let times = 0; times < 3; times++) await ask(cookie);
      await ask(await cookieOf(userId, 'another password of 32 characters or more'));
      await ask(expired);
      await ask('neptun-session=nonsense');
    });
    expect(grown).toEqual([1, 1, 2, 1, 1, 1]);
  });

  test('measure users per statement', async () => {
    const asking = Array.from({ length: 20 }, async () => {
      const userId = await server().addUser();
      const headers = { cookie: await cookieOf(userId) };
      return () => server().rest(userId, { as: null, headers });
    });
    const asks = await Promise.all(asking);
    // Cached sessions let the requests reach the reader at the same time.
    for (const ask of asks) await ask();
    const series = ['_sum', '_count'].map((end) => `database_statement_users${end}`);
    series.push('database_statement_duration_seconds_count');
    const [users, sent, timed] = await growth(server(), series, () =>
      Promise.all(asks.map((ask) => ask())),
    );
    expect(users).toBe(20);
    expect(timed).toBe(sent);
  });

  test(`${kind === 'PGlite' ? 'show the process, without a pool' : 'show the pool and the process'}`, async () => {
    const text = await scrape(server());
    expect(/^database_connections\{state="idle"\} [1-9]/m.test(text)).toBe(kind === 'PostgreSQL');
    expect(/^database_connections_awaited 0$/m.test(text)).toBe(kind === 'PostgreSQL');
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
    expect(text).toMatch(/^process_resident_memory_bytes /m);
  });

  test('count lines of the log that were lost, and requests that the parser refuses', async () => {
    const series = ['log_lines_dropped_total', request('(none)', '(none)', 400)];
    const grown = await growth(server(), series, async () => {
      droppedLines.publish(1);
      await exchange(server().url, 'no HTTP\r\n\r\n', 5_000);
    });
    expect(grown).toEqual([1, 1]);
  });

  test('contain no user id and no secret', async () => {
    const userId = await server().addUser(['987654321']);
    const cookie = await cookieOf(userId);
    const headers = { cookie };
    await server().rest(userId, { as: null, headers });
    await server().rest('someone-else', { as: null, headers });
    await server().graphql({ query: '{ viewer { installations { id } } }' }, { headers });
    await fetch(`${server().url}/${userId}?secret=${encodeURIComponent(cookie)}`);
    const text = await scrape(server());
    for (const canary of [userId, 'someone-else', '987654321', 'Fe26', 'secret=', PASSWORD])
      expect(text).not.toContain(canary);
  });

  test('are served on their own port only', async () => {
    expect((await fetch(`${server().url}/metrics`)).status).toBe(404);
    const response = await fetch(`${server().metricsUrl}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect((await fetch(`${server().metricsUrl}/`)).status).toBe(404);
  });
});

test('hostile names and paths add a bounded number of time series', async () => {
  const database = await createDatabase('PGlite');
  const server = await startTestServer(database, { METRICS_PORT: '0' });
  await server.ready;
  const userId = await server.addUser();
  const flood = async (as: string | null) => {
    for (let number = 0; number < 150; number++) {
      const query = `query ${as ? 'Signed' : 'Nobody'}${number} { viewer { id } }`;
      await server.graphql({ query }, { as });
      await fetch(`${server.url}/nothing-${number}`);
    }
  };
  const named = async () => (await scrape(server)).match(/operation="\w+"/g)?.length ?? 0;
  try {
    await flood(null);
    await server.graphql({ query: `query ${'L'.repeat(1_000)} { viewer { id } }` }, { as: userId });
    expect(await named()).toBe(0);
    await flood(userId);
    expect(await named()).toBe(100);
    expect(await read(server, operation('(other)'))).toBe(51);
    expect(await read(server, request('GET', '(none)', 404))).toBe(300);
  } finally {
    await server.close();
    await database.remove();
  }
});

test('metrics are off by default: no subscriber, no port', async () => {
  const database = await createDatabase('PGlite');
  const server = await startTestServer(database);
  const listening = [requests, sessions, operations, statements].map(
    (events) => events.hasSubscribers,
  );
  expect([server.metricsUrl, ...listening]).toEqual([null, false, false, false, false]);
  await server.close();
  await database.remove();
});
