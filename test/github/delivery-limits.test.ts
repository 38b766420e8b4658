import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../cli/process.js';
import { useServer } from '../helpers/server.js';
import { acceptsDeliveries, deliver, WEBHOOK_PATH, WEBHOOKS_ALONE } from '../helpers/webhooks.js';

const HEAD = `POST ${WEBHOOK_PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
const FORGED = `X-Hub-Signature-256: sha256=${'0'.repeat(64)}\r\n`;
const MEBIBYTE = 1024 * 1024;

describe('Deliveries whose bodies are under way', () => {
  const server = useServer('PGlite', WEBHOOKS_ALONE);
  beforeAll(() => acceptsDeliveries(server()));
  const open: Socket[] = [];
  afterEach(async () => {
    for (const socket of open.splice(0)) socket.destroy();
    await until(
      async () => (await deliver(server(), { event: 'ping', payload: {} })).status === 200,
    );
  });

  async function begin(length: number, sent: number, signature = FORGED): Promise<Socket> {
    const socket = connect(Number(new URL(server().url).port), '127.0.0.1');
    open.push(socket.on('error', () => {}));
    await once(socket, 'connect');
    socket.write(`${HEAD}${signature}Content-Length: ${length}\r\n\r\n`);
    socket.write(Buffer.alloc(sent, ' '));
    return socket;
  }
  const isRefused = async (event = 'ping') => {
    const response = await deliver(server(), { event, payload: {} });
    expect(response.headers.get('retry-after')).toBe(response.status === 503 ? '2' : null);
    return response.status === 503;
  };

  test('are 1,000 at most: others are to be sent again', async () => {
    await Promise.all(Array.from({ length: 999 }, () => begin(10, 1)));
    expect(await isRefused()).toBe(false);
    // On a slow machine the first have taken too long by now, and are refused.
    await until(async () => {
      await begin(10, 1);
      return isRefused();
    });
    // Reads are served: they have limits of their own.
    expect((await server().graphql({ query: '{ viewer { id } }' })).status).toBe(200);
  });

  test.each(['', 'X-Hub-Signature: sha1=00\r\n', 'X-Hub-Signature-256: sha256=00\r\n'])(
    'are refused before they are there, without a signature but %j',
    async (signature) => {
      const socket = await begin(24 * MEBIBYTE, 1, signature);
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 401 /);
    },
  );

  test('hold 64 MiB at most, whatever is announced, and leave room for small ones', async () => {
    for (let n = 0; n < 4; n++) await begin(24 * MEBIBYTE, MEBIBYTE);
    expect(await isRefused()).toBe(false);
    const sockets = await Promise.all(
      [20, 20, 20, 20].map((size) => begin(24 * MEBIBYTE, size * MEBIBYTE)),
    );
    const answers = sockets.map(async (socket) => String((await once(socket, 'data'))[0]));
    expect(await Promise.race(answers)).toMatch(/^HTTP\/1\.1 503 /);
    expect(await isRefused()).toBe(false);
  });
});
