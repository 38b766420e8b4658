import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase } from '../helpers/databases.js';
import { cookieOf } from '../helpers/server.js';
import { type Served, serve } from './process.js';

const SESSION_PASSWORD = 'p'.repeat(32);
const HTML = { accept: 'text/html' };

describe.each([
  ['', {}],
  [' with GRAPHQL_IDE=true', { GRAPHQL_IDE: 'true' }],
])('Production%s', (_name, ide) => {
  let server: Served;
  beforeAll(async () => {
    const { env } = await createDatabase('PGlite');
    const production = { NODE_ENV: 'production', SESSION_PASSWORD };
    server = await serve({ ...env, ...production, ...ide });
  });
  afterAll(() => server?.stop('SIGINT'));

  const explorers = Object.keys(ide).length > 0;
  test(`serves ${explorers ? 'the' : 'no'} explorers`, async () => {
    const offline = await fetch(`${server.url}/graphiql/`, { headers: HTML });
    expect(offline.status).toBe(explorers ? 200 : 404);
    const sandbox = await fetch(`${server.url}/graphql`, { headers: HTML });
    expect(sandbox.headers.get('content-type')?.startsWith('text/html')).toBe(explorers);
    expect(/Sandbox|graphiql/.test(server.stdout())).toBe(explorers);
    const introspection = await fetch(`${server.url}/graphql?query={__schema{queryType{name}}}`, {
      headers: { 'apollo-require-preflight': 'true' },
    });
    expect((await introspection.text()).includes('"Query"')).toBe(explorers);
  });

  test('has no start page', async () => {
    for (const path of ['/', '/README.md']) {
      const { status, headers } = await fetch(server.url + path, { headers: HTML });
      expect([status, headers.get('content-type')]).toEqual([404, expect.stringMatching(/json/)]);
    }
  });

  test(`serves ${explorers ? 'the' : 'no'} schema, and OpenAPI`, async () => {
    expect((await fetch(`${server.url}/schema.graphql`)).status).toBe(explorers ? 200 : 404);
    expect((await fetch(`${server.url}/openapi.json`)).status).toBe(200);
  });

  test('offers no demo sign-in, and prints no session', async () => {
    const response = await fetch(`${server.url}/dev/sign-in`, { redirect: 'manual' });
    expect([response.status, response.headers.get('set-cookie')]).toEqual([404, null]);
    expect(server.stdout()).not.toMatch(/neptun-session|user123|sign-in/);
  });

  test('has no demo user', async () => {
    const headers = { cookie: await cookieOf('user123', SESSION_PASSWORD) };
    const response = await fetch(`${server.url}/api/users/user123/installations`, { headers });
    expect(response.status).toBe(404);
  });
});

describe.each([
  ['behind a proxy', { TRUST_PROXY: '127.0.0.1' }],
  ['on every address', { HOST: '0.0.0.0' }],
])('A server %s with a configured password and without NODE_ENV', (_where, env) => {
  test('offers no demo sign-in, and prints no session', async () => {
    const database = await createDatabase('PGlite');
    const server = await serve({ ...database.env, SESSION_PASSWORD, ...env });
    const response = await fetch(`${server.url}/dev/sign-in`, { redirect: 'manual' });
    expect([response.status, response.headers.get('set-cookie')]).toEqual([404, null]);
    expect(server.stdout()).not.toMatch(/neptun-session|sign-in/);
    await server.stop('SIGINT');
  });
});
