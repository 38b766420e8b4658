import { once } from 'node:events';
import { Agent, get, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, jest, test } from '@jest/globals';
import { serve, until } from '../cli/process.js';
import { createDatabase } from '../helpers/databases.js';
import { freePort } from '../helpers/postgres-cluster.js';
import { size } from '../helpers/size.js';

const STOPS = size(1, 20);
jest.setTimeout(120_000 * STOPS);

interface Outcome {
  status?: number | undefined;
  connection?: string | undefined;
  error?: string | undefined;
}

function ask(url: string, agent?: Agent): Promise<Outcome> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException) => resolve({ error: error.code });
    get(url, { agent, headers: { 'x-request-id': 'y'.repeat(99) } }, (response) => {
      const { statusCode: status, headers } = response;
      response.resume().on('error', failed);
      response.on('end', () => resolve({ status, connection: headers.connection }));
    }).on('error', failed);
  });
}

const isReady = async (url: string) => (await ask(`${url}/ready`)).status === 200;

test('SIGTERM leaves idle connections 5 s for a request, whose answer closes them, and the port open', async () => {
  const { env } = await createDatabase('PGlite');
  const server = await serve(env);
  const agents = [1, 2].map(() => new Agent({ keepAlive: true, maxSockets: 1 }));
  for (const agent of agents) expect((await ask(`${server.url}/live`, agent)).status).toBe(200);
  const unused = connect(Number(new URL(server.url).port), '127.0.0.1');
  await once(unused, 'connect');
  const closed = once(unused, 'close');

  const start = Date.now();
  const end = server.stop('SIGTERM');
  await until(async () => !(await isReady(server.url)));
  const last = { status: 200, connection: 'close' };
  expect(await ask(`${server.url}/live`, agents[0])).toEqual(last);
  expect(await ask(`${server.url}/%E0`, agents[1])).toEqual({ status: 404, connection: 'close' });
  // A new connection, as long as another one is idle.
  expect(await ask(`${server.url}/live`)).toEqual(last);
  unused.resume();
  await closed;
  expect(Date.now() - start).toBeGreaterThan(4_500);
  expect(await end).toBe(0);
  expect(Date.now() - start).toBeLessThan(20_000);
});

test('SIGINT does not wait for connections that stay idle', async () => {
  const { env } = await createDatabase('PGlite');
  const server = await serve(env);
  const agent = new Agent({ keepAlive: true });
  expect((await ask(`${server.url}/live`, agent)).status).toBe(200);
  const start = Date.now();
  expect(await server.stop('SIGINT')).toBe(0);
  // 0.4 s on a quiet machine.
  expect(Date.now() - start).toBeLessThan(4_500);
});

test.each([0, 200])('SIGTERM resets none of 16 clients that pause for %i ms', async (pause) => {
  const { env } = await createDatabase('PGlite');
  for (let stop = 0; stop < STOPS; stop++) {
    const server = await serve({ ...env, RATE_LIMIT_ANONYMOUS: '0', LOG_LEVEL: 'silent' });
    let answered = 0;
    const clients = Array.from({ length: 16 }, async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (;;) {
        const { status, error } = await ask(`${server.url}/openapi.json`, agent);
        if (error) return error;
        if (status === 200) answered++;
        await sleep(pause * Math.random());
      }
    });
    await until(() => answered > 100);
    expect(await server.stop('SIGTERM')).toBe(0);
    expect(new Set(await Promise.all(clients))).toEqual(new Set(['ECONNREFUSED']));
  }
});

test('an answer in progress at SIGTERM is complete, though its client reads slowly', async () => {
  const { env } = await createDatabase('PGlite');
  const server = await serve(env);
  // 12 MB, which the socket cannot take at once.
  const count = 4;
  const { port } = new URL(server.url);
  const client = connect(Number(port), '127.0.0.1');
  const one = 'GET /graphiql/main.js HTTP/1.1\r\nHost: localhost\r\n';
  client.write(`${one}\r\n`.repeat(count - 1).concat(one, 'Connection: close\r\n\r\n'));
  let text = '';
  client.setEncoding('latin1').on('data', (part) => {
    text += part;
  });
  await once(client, 'data');
  client.pause();
  const end = server.stop('SIGTERM');
  await sleep(500);
  client.resume();
  await once(client, 'close');
  const answers = text.split('HTTP/1.1 200 OK').slice(1);
  expect(answers).not.toEqual([]);
  for (const answer of answers) {
    const [head = '', body] = answer.split('\r\n\r\n');
    expect(body).toHaveLength(Number(/content-length: (\d+)/.exec(head)?.[1]));
  }
  expect(await end).toBe(0);
});

/** `localhost` has both addresses, whatever the hosts file of the machine says. */
const TWO_ADDRESSES = `
  import dns from 'node:dns';
  const { lookup } = dns;
  dns.lookup = (name, options, done) => {
    if (name !== 'localhost') return lookup(name, options, done);
    const found = [{ address: '127.0.0.1', family: 4 }, { address: '::1', family: 6 }];
    if (options.all) done(null, found);
    else done(null, '127.0.0.1', 4);
  };
`;

test('HOST=localhost listens on both addresses, for metrics too, and drains both', async () => {
  const { env } = await createDatabase('PGlite');
  const metricsPort = await freePort();
  const server = await serve({
    ...env,
    HOST: 'localhost',
    METRICS_PORT: String(metricsPort),
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(TWO_ADDRESSES)}`,
  });
  const { hostname, port } = new URL(server.url);
  expect(hostname).toBe('localhost');
  const urls = [`http://127.0.0.1:${port}`, `http://[::1]:${port}`];
  const agents = urls.map(() => new Agent({ keepAlive: true, maxSockets: 1 }));
  for (const [index, url] of urls.entries()) {
    expect(await ask(`${url}/live`, agents[index])).toMatchObject({ status: 200 });
    const refused = request(`${url}/live`, { headers: { 'x-long': 'x'.repeat(20_000) } }).end();
    const [response] = await once(refused, 'response');
    expect(response.statusCode).toBe(431);
    expect(response.headers['cache-control']).toBe('private, no-store');
    response.resume();
    const metrics = new URL('/metrics', url);
    metrics.port = String(metricsPort);
    expect(await ask(metrics.href, agents[index])).toMatchObject({ status: 200 });
  }
  const end = server.stop('SIGTERM');
  await until(async () => !(await isReady(urls[1] ?? '')));
  for (const [index, url] of urls.entries())
    expect(await ask(`${url}/live`, agents[index])).toEqual({ status: 200, connection: 'close' });
  expect(await end).toBe(0);
});
