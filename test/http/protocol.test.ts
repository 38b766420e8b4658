import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { exchange, statusesOf } from '../helpers/raw-http.js';
import { useServer } from '../helpers/server.js';

describe('The Host header', () => {
  const server = useServer('PGlite');
  const send = async (hosts: string[], path: string, version = '1.1') => {
    const headers = hosts.map((host) => `Host: ${host}\r\n`).join('');
    const answer = await exchange(server().url, `GET ${path} HTTP/${version}\r\n${headers}\r\n`);
    return [...statusesOf(answer), answer];
  };

  test.each([
    [],
    ['['],
    ['[::1'],
    ['a b'],
    ['a/b'],
    ['a@b'],
    ['a:b'],
    ['a:80:80'],
    ['a"'],
    ['http://a'],
    ['<a>'],
    ['\xe9'],
    ['a', 'b'],
    ['a', 'a'],
    ['', 'a'],
    ['', ''],
    ['%4'],
    ['[::1%]'],
    ['[v.a]'],
    ['::1'],
  ])('that is broken is a 400 everywhere: %j %j', async (...hosts) => {
    for (const path of ['/openapi.json', '/api/users/x/installations', '/graphql', '/nothing']) {
      const [status, answer] = await send(
        hosts.filter((host) => host !== undefined),
        path,
      );
      expect([path, status, answer]).toEqual([path, 400, expect.any(String)]);
    }
  });

  test.each([
    ...['localhost', 'a.example', 'a.example.', 'LOCALHOST', '127.0.0.1:4000', 'a_b', 'a:', '%41'],
    ...['', ':80', '[::1]', '[::1]:80', '[fe80::1%25eth0]', '[fe80::1%eth0]:1', '[v1.a:b]'],
  ])('may be %j', async (host) => {
    expect((await send([host], '/openapi.json'))[0]).toBe(200);
  });

  test.each(['1.0', '1.1'])('is ignored in favour of a whole URL, in HTTP/%s', async (version) => {
    expect((await send(['a'], 'http://b.example/live?x', version))[0]).toBe(200);
  });

  test('may be missing in HTTP/1.0', async () => {
    expect((await send([], '/openapi.json', '1.0'))[0]).toBe(200);
  });
});

describe('OPTIONS *', () => {
  const server = useServer('PGlite');

  test('names the methods of the server', async () => {
    const answer = await exchange(server().url, 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 2_000);
    expect(statusesOf(answer)).toEqual([204]);
    expect(answer).toContain('allow: GET, HEAD, OPTIONS, POST\r\n');
    const other = await exchange(server().url, 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 2_000);
    expect(statusesOf(other)).not.toEqual([204]);
  });
});

describe('CONNECT', () => {
  const server = useServer('PGlite');
  const bytes = 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n';
  const open = () =>
    connect({ port: Number(new URL(server().url).port), host: '127.0.0.1', allowHalfOpen: true });

  test('is refused, and its connection closed', async () => {
    const socket = open();
    socket.write(bytes);
    expect(await text(socket)).toMatch(/^HTTP\/1.1 405 .*\r\nx-request-id: mine\r\n/s);
  });

  test('of clients that reset it harms nobody', async () => {
    for (let count = 0; count < 50; count++) {
      const socket = open();
      socket.on('error', () => {});
      await new Promise<void>((sent) => socket.write(bytes, () => sent()));
      socket.resetAndDestroy();
    }
    expect((await fetch(`${server().url}/live`)).status).toBe(200);
  });
});
