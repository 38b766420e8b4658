import { beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createDatabase, describeOnEachDatabase } from '../helpers/databases.js';
import { exchange, statusesOf } from '../helpers/raw-http.js';
import { json, startTestServer, useServer } from '../helpers/server.js';
import {
  APP_ID,
  acceptsDeliveries,
  deliver,
  examplesOf,
  signatureOf,
  WEBHOOK_PATH,
  WEBHOOK_SECRET,
  WEBHOOKS_ALONE,
} from '../helpers/webhooks.js';

const PREVIOUS = 'the secret before';
let lastId = 5_000_000_000;
/** Of an installation that no other test uses. */
function payload(action: string, more: object = {}) {
  lastId += 1;
  const account = { id: lastId, login: `account-${lastId}`, type: 'User' };
  const installation = { id: lastId, app_id: Number(APP_ID), account, updated_at: 1_700_000_000 };
  return { action, installation, ...more };
}

describeOnEachDatabase('A webhook delivery', (kind) => {
  const limits = { RATE_LIMIT_ANONYMOUS: '5', METRICS_PORT: '0' };
  const server = useServer(kind, {
    ...WEBHOOKS_ALONE,
    ...limits,
    GITHUB_WEBHOOK_SECRET_PREVIOUS: PREVIOUS,
  });
  beforeAll(() => acceptsDeliveries(server()));

  const send = (delivery: Partial<Parameters<typeof deliver>[1]>) =>
    deliver(server(), { event: 'installation', payload: payload('created'), ...delivery });
  const factOf = async ({ installation: { id } }: { installation: { id: number } }) =>
    (await server().sql<any>('SELECT * FROM github_fact_installation WHERE id = $1', [id]))[0];
  const written = async () =>
    (
      await server().sql<{ n: number }>(
        'SELECT (SELECT count(*) FROM github_delivery) + (SELECT count(*) FROM github_fact_installation) AS n',
      )
    )[0]?.n;

  test('is written when it is acknowledged, and marked', async () => {
    const body = payload('created');
    const response = await send({ payload: body });
    expect([response.status, await json(response)]).toEqual([200, { outcome: 'applied' }]);
    expect(await factOf(body)).toMatchObject({
      account_login: body.installation.account.login,
      app_id: APP_ID,
      dirty_since: expect.any(Date),
    });
  });

  test('is accepted with the secret before, too', async () => {
    const body = payload('created');
    expect((await send({ payload: body, secret: PREVIOUS })).status).toBe(200);
    expect(await factOf(body)).toBeDefined();
  });

  test.each<
    [
      string,
      (body: string) => { body?: string | Buffer; headers: Record<string, string | undefined> },
    ]
  >([
    ['no signature', () => ({ headers: { 'x-hub-signature-256': undefined } })],
    [
      'only one by SHA-1',
      (body) => ({ headers: { 'x-hub-signature-256': signatureOf(body, WEBHOOK_SECRET, 'sha1') } }),
    ],
    [
      'another secret',
      (body) => ({ headers: { 'x-hub-signature-256': signatureOf(body, 'other') } }),
    ],
    ['an empty secret', (body) => ({ headers: { 'x-hub-signature-256': signatureOf(body, '') } })],
    [
      'a shorter one',
      (body) => ({ headers: { 'x-hub-signature-256': signatureOf(body).slice(0, -1) } }),
    ],
    [
      'two of them',
      (body) => ({
        headers: { 'x-hub-signature-256': `${signatureOf(body)}, ${signatureOf(body)}` },
      }),
    ],
    [
      'one byte changed',
      (body) => ({
        body: body.replace('created', 'createD'),
        headers: { 'x-hub-signature-256': signatureOf(body) },
      }),
    ],
    [
      'a byte-order mark added',
      (body) => ({ body: `\uFEFF${body}`, headers: { 'x-hub-signature-256': signatureOf(body) } }),
    ],
    ['no JSON, either', () => ({ body: '{', headers: { 'x-hub-signature-256': signatureOf('') } })],
  ])('is refused with %s, and nothing is written', async (_, change) => {
    const before = await written();
    const response = await send(change(JSON.stringify(payload('created'))));
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Hub-Signature-256 /);
    expect(await json(response)).toMatchObject({ statusCode: 401, statusMessage: 'Unauthorized' });
    expect(await written()).toEqual(before);
  });

  test('may be a form', async () => {
    const body = payload('created');
    const form = new URLSearchParams({ payload: JSON.stringify(body) }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' };
    expect((await send({ body: form, headers })).status).toBe(200);
    expect(await factOf(body)).toBeDefined();
    expect((await send({ body: 'other=1', headers })).status).toBe(400);
  });

  test.each([undefined, 'text/plain', 'application/jsonp', 'multipart/form-data'])(
    'of type %s is refused',
    async (type) => {
      const response = await send({ body: Buffer.from('{}'), headers: { 'content-type': type } });
      expect(response.status).toBe(415);
      expect(response.headers.get('accept')).toBe(
        'application/json, application/x-www-form-urlencoded',
      );
    },
  );

  test.each(['', '1', 'null', '[]', '"a"', '{', '{}\uFEFF', '\uFEFF{}', '[{}]'])(
    'that is no JSON object is refused: %j',
    async (body) => {
      const response = await send({ body });
      expect([response.status, (await json(response)).data.message]).toEqual([
        400,
        'Send a JSON object',
      ]);
    },
  );

  test.each(['x-github-event', 'x-github-delivery', 'x-github-hook-installation-target-id'])(
    'without %s, or with a wrong one, is refused',
    async (name) => {
      for (const value of [undefined, 'x'.repeat(101), 'a, b', 'é'])
        expect((await send({ headers: { [name]: value } })).status).toBe(400);
    },
  );

  test('may have 25 MiB, on this route alone', async () => {
    const body = JSON.stringify(payload('created'));
    const limit = 25 * 1024 * 1024;
    expect((await send({ body: body.padEnd(limit) })).status).toBe(200);
    const response = await send({ body: body.padEnd(limit + 1) });
    expect([response.status, (await json(response)).data.message]).toEqual([
      413,
      'Send 25 MiB at most',
    ]);
    expect((await server().graphql({ query: '{viewer{id}}'.padEnd(1_100_000) })).status).toBe(413);
  });

  test('is refused by other methods, which are named', async () => {
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
      const response = await fetch(`${server().url}${WEBHOOK_PATH}`, { method });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    }
  });

  test('is not counted by the rate limit, which refuses other callers without a session', async () => {
    const other = () => fetch(`${server().url}/api/users/a/installations`);
    for (let n = 0; n < 12; n++) expect((await send({})).status).toBe(200);
    const statuses = [];
    for (let n = 0; n < 12; n++) statuses.push((await other()).status);
    expect(statuses).toContain(429);
    expect((await send({})).status).toBe(200);
    expect((await send({})).headers.get('set-cookie')).toBeNull();
  });

  test('to another App is acknowledged, and nothing is written', async () => {
    const guid = 'one-guid';
    const [ours, theirs] = [payload('created'), payload('created')];
    const other = await send({ payload: theirs, guid, targetId: '77' });
    expect([other.status, await json(other)]).toEqual([200, { outcome: 'ignored' }]);
    expect(await factOf(theirs)).toBeUndefined();
    expect(await json(await send({ payload: ours, guid }))).toEqual({ outcome: 'applied' });
    const named = { ...theirs, installation: { ...theirs.installation, app_id: 77 } };
    expect(await json(await send({ payload: named }))).toEqual({ outcome: 'ignored' });
    expect(await factOf(theirs)).toBeUndefined();
  });

  test('that can never be applied is acknowledged, and not remembered', async () => {
    const before = await written();
    const unknown: [string, object][] = [
      ['issues', payload('opened')],
      ['installation', payload('unheard_of')],
      ['constructor', payload('created')],
      ['installation', payload('constructor')],
      ['__proto__', payload('created')],
      ['installation', { action: 'created', installation: null }],
      ['repository', { action: 'renamed', repository: { id: 1 } }],
      ['public', payload('created')],
      ...[0, -1, 1.5, 2 ** 63, '1', null, {}].map((id): [string, object] => [
        'installation',
        { action: 'created', installation: { id } },
      ]),
    ];
    for (const [event, body] of unknown)
      expect([event, await json(await send({ event, payload: body }))]).toEqual([
        event,
        { outcome: 'ignored' },
      ]);
    expect(await written()).toEqual(before);
  });

  test('without an account is applied as far as it says', async () => {
    const body = payload('created');
    await send({ payload: body });
    const bare = { installation: { id: body.installation.id, account: null }, action: 'deleted' };
    expect(await json(await send({ payload: bare }))).toEqual({ outcome: 'applied' });
    expect(await factOf(body)).toMatchObject({
      deleted_at: expect.any(Date),
      account_login: body.installation.account.login,
    });
  });

  test('of any example is accepted, and refused when its signature is not right', async () => {
    const families = examplesOf(/^(installation|repository|organization)/);
    expect(families.length).toBeGreaterThan(4);
    for (const { name, examples } of families) {
      for (const example of examples) {
        expect([name, (await send({ event: name, payload: example })).status]).toEqual([name, 200]);
        const before = await written();
        const body = JSON.stringify(example);
        for (const signature of [
          undefined,
          signatureOf(body, 'other'),
          signatureOf(body, WEBHOOK_SECRET, 'sha1'),
        ]) {
          const headers = { 'x-hub-signature-256': signature };
          expect((await send({ event: name, payload: example, headers })).status).toBe(401);
        }
        const oneByteOff = body.replace(/\d/, (digit) => `${(Number(digit) + 1) % 10}`);
        expect(oneByteOff).not.toBe(body);
        for (const changed of [`\uFEFF${body}`, oneByteOff]) {
          const headers = { 'x-hub-signature-256': signatureOf(body) };
          expect((await send({ event: name, body: changed, headers })).status).toBe(401);
        }
        expect(await written()).toEqual(before);
      }
    }
  });

  test('is refused whole where its body ends early', async () => {
    const head = `POST ${WEBHOOK_PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
    const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n`;
    expect(statusesOf(await exchange(server().url, `${chunked}0\r\n\r\n`))).toEqual([401]);
    await exchange(server().url, chunked);
    await exchange(server().url, `${head}Content-Length: 9\r\n\r\n{}`);
    expect((await send({})).status).toBe(200);
  });

  test('is counted by event and outcome', async () => {
    const text = await (await fetch(`${server().metricsUrl}/metrics`)).text();
    for (const series of [
      'github_deliveries_total{event="installation",outcome="applied"}',
      'github_deliveries_total{event="installation",outcome="refused"}',
      'github_deliveries_total{event="(other)",outcome="ignored"}',
      'github_delivery_duration_seconds_count',
    ])
      expect(text).toContain(series);
    expect(text).not.toMatch(/github_deliveries_total\{event="(issues|constructor)"/);
  });
});

describe('Without a webhook secret', () => {
  const server = useServer('PGlite');

  test('there is no such route', async () => {
    const response = await deliver(server(), { event: 'ping', payload: {} });
    const other = await fetch(`${server().url}/unknown`, { method: 'POST' });
    expect([response.status, await response.text()]).toEqual([404, await other.text()]);
  });
});

test('Deliveries that are not signed are logged once a minute, without what they hold', async () => {
  const lines: object[] = [];
  const log = pino(
    { level: 'debug' },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  );
  const database = await createDatabase('PGlite');
  const server = await startTestServer(database, WEBHOOKS_ALONE, log);
  await acceptsDeliveries(server);
  const body = JSON.stringify({ action: 'a-secret-of-ours' });
  for (let n = 0; n < 5; n++)
    await deliver(server, { event: 'installation', body, secret: 'other' });
  await server.close();
  await database.remove();
  const refusals = lines.filter((line) => 'count' in line);
  expect(refusals).toEqual([expect.objectContaining({ level: 40, count: 1 })]);
  const each = lines.filter((line) => 'outcome' in line && line.outcome === 'refused');
  expect(each).toHaveLength(5);
  expect(each[0]).toMatchObject({ level: 20, event: 'installation' });
  expect(JSON.stringify(lines)).not.toMatch(/a-secret-of-ours|webhook secret for tests/);
});
