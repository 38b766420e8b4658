import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connect } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { type AnsweredRequest, requests } from '../../src/observability/events.js';
import { until } from '../cli/process.js';
import { cookieOf, useServer } from '../helpers/server.js';

interface Sent {
  statuses: number[];
  text: string;
}

/** Sends bytes, in one write, and reads until the server closes the connection. */
function send(url: string | null, bytes: string, { end = false } = {}): Promise<Sent> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url ?? '').port), '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (part) => {
      text += part;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      // A body has no end of line.
      const heads = text.matchAll(/HTTP\/1\.1 (\d{3}) /g);
      resolve({ statuses: Array.from(heads, ([, status]) => Number(status)), text });
    });
    socket.on('connect', () => (end ? socket.end(bytes) : socket.write(bytes)));
  });
}

const request = (line: string, headers = '') => `${line} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
const CLOSE = 'Connection: close\r\n';
const CHUNKED = 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n';

describe('Pipelined requests', () => {
  const server = useServer('PGlite', { NODE_ENV: 'development', METRICS_PORT: '0' });

  describe.each([
    ['GET /api/users/x/installations', 401],
    ['GET /graphql?query={viewer{id}}', 400],
    ['OPTIONS /graphql', 204],
    ['PUT /graphql', 405],
    ['GET /live', 200],
    ['GET /ready', 200],
    ['GET /openapi.json', 200],
    ['GET /', 200],
    ['GET /nothing', 404],
    ['GET /%', 404],
    ['GET /metrics', 200],
  ])('%s', (line, status) => {
    const urlOf = () => (line === 'GET /metrics' ? server().metricsUrl : server().url);
    const all = Array<number>(101).fill(status);

    test('are answered in turn, up to a hundred behind the first', async () => {
      const bytes = request(line).repeat(100) + request(line, CLOSE);
      expect((await send(urlOf(), bytes)).statuses).toEqual(all);
    });

    test.each([102, 5_000])('are left out, and told so, beyond that: of %i', async (count) => {
      const { statuses, text } = await send(urlOf(), request(line).repeat(count));
      expect(statuses).toEqual(all);
      // Of the last answer alone.
      const last = text.slice(text.lastIndexOf('HTTP/1.1 '));
      expect(text.match(/^connection: close\r$/gim)).toHaveLength(1);
      expect(last).toMatch(/^connection: close\r$/im);
    });
  });

  test('are not read beyond that while the first waits', async () => {
    let arrived = 0;
    const count = () => {
      arrived++;
    };
    subscribe('http.server.request.start', count);
    await send(server().url, request('GET /live').repeat(50_000));
    unsubscribe('http.server.request.start', count);
    // Those of one read of the socket.
    expect(arrived).toBeLessThan(5_000);
  });

  describe.each([
    ['CONNECT', request('CONNECT a:443'), 405],
    ['what is no HTTP', 'GARBAGE\r\n\r\n', 400],
    ['headers too large', request('GET /graphql', `X: ${'x'.repeat(20_000)}\r\n`), 431],
    ['a URL too long', request(`GET /${'x'.repeat(20_000)}`), 414],
    ['a broken body', `${request('POST /graphql', CHUNKED)}z\r\n`, 400],
    ['the end of the connection in a head', 'GET /li', 400],
  ])('do not lose their answers to %s', (what, bytes, status) => {
    test('which is answered after them, and logged as another request', async () => {
      const user = await server().addUser(['77']);
      const seen: AnsweredRequest[] = [];
      const see = (answered: AnsweredRequest) => seen.push(answered);
      requests.subscribe(see);
      const mine = request(
        `GET /api/users/${user}/installations`,
        `Cookie: ${await cookieOf(user)}\r\n`,
      );
      const end = what.startsWith('the end');
      const { statuses, text } = await send(server().url, mine.repeat(2) + bytes, { end });
      await until(() => seen.length === 3);
      requests.unsubscribe(see);
      expect(statuses).toEqual([200, 200, status]);
      expect(text.match(/"github_installation_id":"77"/g)).toHaveLength(2);
      expect(text.match(/^connection: close\r$/gim)).toHaveLength(1);
      expect(seen.map((answered) => answered.status)).toEqual([200, 200, status]);
    });
  });

  test.each([
    ['what is no HTTP', '\x00'],
    ['headers too large', `${'x'.repeat(20_000)}`],
  ])('do not give their form and id to the refusal of %s', async (_what, broken) => {
    const first = request('GET /live', 'X-Request-Id: first\r\n');
    const second = request('GET /graphql', `X-Request-Id: second\r\nX: ${broken}\r\n`);
    const { text } = await send(server().url, first + second);
    const [, one, two] = text.split('HTTP/1.1 ');
    expect(one).toMatch(/^200 .*x-request-id: first\r\n/s);
    expect(two).toMatch(/^4\d\d .*x-request-id: second\r\n.*"errors":/s);
  });

  test('are not answered behind one that closes the connection', async () => {
    const bytes = request('GET /ready', CLOSE) + request('GET /live');
    expect((await send(server().url, bytes)).statuses).toEqual([200]);
  });

  test('have one answer, also where it comes before a body that is broken', async () => {
    const url = server().url;
    const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('latin1');
    let text = '';
    socket.on('data', (part) => {
      text += part;
    });
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {});
    socket.write(request('PUT /graphql', CHUNKED));
    await until(() => text.includes('405'));
    socket.write('z\r\n');
    await closed;
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 405']);
  });

  test('for metrics are not answered as what is no HTTP behind them', async () => {
    const { text } = await send(server().metricsUrl, `${request('GET /metrics')}GARBAGE\r\n\r\n`);
    expect(text).not.toContain('400');
  });
});
