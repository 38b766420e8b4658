import { describe, expect, test } from '@jest/globals';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { cookieOf, json, useServer } from '../helpers/server.js';

describeOnEachDatabase('Rate limits', (kind) => {
  const server = useServer(kind, {
    RATE_LIMIT: '5',
    RATE_LIMIT_ANONYMOUS: '10',
    CORS_ORIGINS: 'https://app.example.com',
  });

  test('count each user, and each address without an opened session', async () => {
    const [one, other] = [await server().addUser(), await server().addUser()];
    const [cookie, another] = [await cookieOf(one), await cookieOf(other)];
    const ask = (userId: string, cookie: string) =>
      server().rest(userId, { as: null, headers: { cookie } });

    // The seal of the first request is not cached: it counts for the address.
    const statuses = [];
    for (let n = 0; n < 7; n++) statuses.push((await ask(one, cookie)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 429]);
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

  test('count forwarded addresses, and each IPv6 /64 as one', async () => {
    const statusOf = async (address: string) => {
      const headers = { 'x-forwarded-for': address };
      const response = await server().rest('x', { as: null, headers });
      return [(await json(response)).statusCode, response.headers.get('ratelimit-remaining')];
    };
    expect(await statusOf('192.0.2.1')).toEqual([401, '1']);
    expect(await statusOf('192.0.2.2')).toEqual([401, '1']);
    expect(await statusOf('2001:db8::1')).toEqual([401, '1']);
    expect(await statusOf('2001:db8::ffff:2')).toEqual([401, '0']);
    expect(await statusOf('2001:db8::3:3:3:3')).toEqual([429, '0']);
    expect(await statusOf('2001:db8:0:1::1')).toEqual([401, '1']);
  });
});
