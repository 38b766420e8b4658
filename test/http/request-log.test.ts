import { expect, test } from '@jest/globals';
import { serve } from '../cli/process.js';
import { createDatabase } from '../helpers/databases.js';

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
