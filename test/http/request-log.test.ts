import { expect, test } from '@jest/globals';
import { serve } from '../cli/process.js';
import { createDatabase } from '../helpers/databases.js';
import { exchange } from '../helpers/raw-http.js';

const GRAPHQL = { method: 'POST', headers: { 'content-type': 'application/json' } };

test('each request is logged once, with its X-Request-Id', async () => {
  const { env } = await createDatabase('PGlite');
  const server = await serve(env);
  const requests: [path: string, init: RequestInit, route: string | null, status: number][] = [
    ['/api/users/x/installations', {}, '/api/users/:userId/installations', 401],
    ['/api/users/x/installations', { method: 'PUT' }, '/api/users/:userId/installations', 405],
    ['/graphql', { ...GRAPHQL, body: '{"query":"{ viewer { id } }"}' }, '/graphql', 200],
    ['/graphql', { ...GRAPHQL, body: '{' }, '/graphql', 400],
    ['/nothing/here', {}, null, 404],
    ['/%E0%A4', {}, null, 404],
  ];
  for (const [index, [path, init]] of requests.entries()) {
    const headers = { ...init.headers, 'x-request-id': `mine-${index}` };
    const response = await fetch(`${server.url}${path}`, { ...init, headers });
    expect(response.headers.get('x-request-id')).toBe(`mine-${index}`);
  }
  await server.stop('SIGINT');
  expect(server.stdout()).toMatch(/"msg":"ending"\}\n$/);
  const lines = server
    .stdout()
    .split('\n')
    .filter((line) => line.includes('"request answered"'))
    .map((line) => JSON.parse(line));
  expect(lines).toEqual(
    requests.map(([, { method = 'GET' }, route, status], index) =>
      expect.objectContaining({
        reqId: `mine-${index}`,
        milliseconds: expect.any(Number),
        ...{ method, route, status },
      }),
    ),
  );
});

test('what the HTTP parser refuses is logged with the X-Request-Id of its answer, and no probe is', async () => {
  const { env, remove } = await createDatabase('PGlite');
  const server = await serve(env);
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'DELETE'])
    for (const path of ['/live', '/ready/']) await fetch(server.url + path, { method });
  const ids: (string | undefined)[] = [];
  for (const id of ['X-Request-Id: mine\r\n', 'X-Request-Id: not safe\r\n', '']) {
    const head = `HTTP/1.1\r\nHost: a\r\n${id}`;
    for (const bytes of [
      `GET /live ${head}no header\r\n\r\n`,
      `GET /live ${head}X: ${'x'.repeat(20_000)}\r\n\r\n`,
      `CONNECT a:80 ${head}\r\n`,
      `POST /graphql ${head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n`,
    ]) {
      const answer = await exchange(server.url, bytes, 2_000);
      const sent = /^x-request-id: (.+)\r$/im.exec(answer)?.[1];
      expect(sent).toMatch(id.includes('mine') ? /^mine$/ : /^[\w-]{36}$/);
      ids.push(sent);
    }
  }
  await server.stop('SIGINT');
  const logged = [...server.stdout().matchAll(/"reqId":"([^"]+)".*"request answered"/g)];
  expect(logged.map(([, id]) => id)).toEqual(ids);
  await remove();
});
