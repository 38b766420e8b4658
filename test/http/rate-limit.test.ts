import { describe, expect, test } from '@jest/globals';
import { sessions } from '../../src/observability/events.js';
import { SESSION_HEADER } from '../../src/session/session-cookie.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { createSealer } from '../helpers/sealer.js';
import { cookieOf, json, PASSWORD, useServer } from '../helpers/server.js';

describeOnEachDatabase('Rate limits', (kind) => {
  const server = useServer(kind, {
    RATE_LIMIT: '5',
    RATE_LIMIT_ANONYMOUS: '10',
    CORS_ORIGINS: 'https://app.example.com',
  });

  test('count each user, and each address without a valid session', async () => {
    const [one, other] = [await server().addUser(), await server().addUser()];
    const [cookie, another] = [await cookieOf(one), await cookieOf(other)];
    const ask = (userId: string, cookie: string) =>
      server().rest(userId, { as: null, headers: { cookie } });

    const statuses = [];
    for (let n = 0; n < 6; n++) statuses.push((await ask(one, cookie)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
    expect((await ask(other, another)).status).toBe(200);

    const refused = await ask(one, cookie);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('ratelimit-limit')).toBe('5');
    expect(await json(refused)).toMatchObject({
      statusCode: 429,
      statusMessage: 'Too Many Requests',
    });
    const query = { query: '{ viewer { id } }' };
    const graphql = await server().graphql(query, { headers: { cookie } });
    expect([graphql.status, (await json(graphql)).errors[0].extensions.code]).toEqual([
      429,
      'RATE_LIMITED',
    ]);

    while ((await server().rest('x', { as: null })).status === 401);
    const forged = await ask(one, await cookieOf(one, 'another password of 32 characters or more'));
    expect(forged.status).toBe(429);
    expect((await ask(other, another)).status).toBe(200);
    for (const iterations of [1, 8192] as const) {
      const unseen = { [SESSION_HEADER]: createSealer(PASSWORD, iterations)(other) };
      expect((await server().rest(other, { as: null, headers: unseen })).status).toBe(200);
    }
    const preflight = await server().rest('x', { as: null, method: 'OPTIONS' });
    expect(preflight.status).toBe(204);
  });

  test('keep the Vary header of CORS', async () => {
    const headers = { origin: 'https://app.example.com' };
    const response = await server().rest('x', { as: null, headers });
    expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example.com');
    expect(response.headers.get('vary')).toMatch(/Origin.*Cookie/);
  });
});

describe('Rate limits behind a proxy', () => {
  const server = useServer('PGlite', { TRUST_PROXY: '127.0.0.1', RATE_LIMIT_ANONYMOUS: '2' });
  const statusOf = async (address: string) => {
    const headers = { 'x-forwarded-for': address };
    const response = await server().rest('x', { as: null, headers });
    return [(await json(response)).statusCode, response.headers.get('ratelimit-remaining')];
  };

  test('count forwarded addresses, and each IPv6 /64 as one', async () => {
    expect(await statusOf('192.0.2.1')).toEqual([401, '1']);
    expect(await statusOf('192.0.2.2')).toEqual([401, '1']);
    expect(await statusOf('2001:db8::1')).toEqual([401, '1']);
    expect(await statusOf('2001:db8::ffff:2')).toEqual([401, '0']);
    expect(await statusOf('2001:db8::3:3:3:3')).toEqual([429, '0']);
    expect(await statusOf('2001:db8:0:1::1')).toEqual([401, '1']);
  });

  test('count an address as one however proxies write it, with their own ports too', async () => {
    expect(await statusOf('203.0.113.7')).toEqual([401, '1']);
    expect(await statusOf('198.51.100.1, 203.0.113.7:51234, 127.0.0.1:80')).toEqual([401, '0']);
    expect(await statusOf('[::ffff:cb00:7107]:443, ::ffff:127.0.0.1')).toEqual([429, '0']);
  });

  test('do not count an expired or user-less session against valid ones', async () => {
    const id = await server().addUser();
    const nobody = createSealer(PASSWORD, 8192)('');
    const ask = async (sealed: string) => {
      const headers = { 'x-forwarded-for': '192.0.2.9', [SESSION_HEADER]: sealed };
      return (await server().rest(id, { as: null, headers })).status;
    };
    const statuses = [];
    for (let n = 0; n < 4; n++) statuses.push(await ask(nobody));
    expect(statuses).toEqual([401, 401, 429, 429]);
    expect(await ask(createSealer(PASSWORD, 8192)(id))).toBe(200);
  });

  test('open no seal where no session is needed', async () => {
    const forge = createSealer('another password of 32 characters or more', 8192);
    const headers = { [SESSION_HEADER]: forge('x') };
    const outcomes: string[] = [];
    const listener = (outcome: string) => outcomes.push(outcome);
    sessions.subscribe(listener);
    const refusals = [
      ['OPTIONS', 204],
      ['PUT', 405],
    ] as const;
    for (const [method, status] of refusals) {
      const response = await server().rest('x', { as: null, method, headers });
      const remaining = response.headers.get('ratelimit-remaining');
      expect([response.status, remaining]).toEqual([status, null]);
    }
    await server().rest('x', { as: null, headers });
    sessions.unsubscribe(listener);
    expect(outcomes).toEqual(['forged']);
  });
});
