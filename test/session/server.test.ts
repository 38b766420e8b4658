import { describe, expect, test } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { createContextBuilder } from '../../src/session/context.js';
import { SESSION_COOKIE, SESSION_HEADER } from '../../src/session/session-cookie.js';
import { SessionReader } from '../../src/session/session-reader.js';
import { json, useServer } from '../helpers/server.js';
import {
  cookieHeader,
  cookiesOf,
  ISSUERS,
  LARGE,
  PASSWORD,
  PREVIOUS,
  signIn,
} from './h3-servers.js';

describe('a server with the cookie of a web application', () => {
  const server = useServer('PGlite', {
    SESSION_PASSWORD: PASSWORD,
    SESSION_PASSWORD_PREVIOUS: PREVIOUS,
    SESSION_MAX_AGE: '3600',
  });
  const statusFor = async (userId: string, headers: Record<string, string>) =>
    (await server().rest(userId, { as: null, headers })).status;

  test.each(ISSUERS)('accepts a session of %s', async (issuer) => {
    const id = await server().addUser();
    const cookie = await signIn(issuer, { id });
    expect(await statusFor(id, { cookie })).toBe(200);
    expect(await statusFor(id, { cookie })).toBe(200);
    const sealed = cookie.slice(SESSION_COOKIE.length + 1);
    expect(await statusFor(id, { [SESSION_HEADER]: sealed })).toBe(200);
    const query = { query: '{ viewer { id } }' };
    const response = await server().graphql(query, { headers: { cookie } });
    expect(await json(response)).toEqual({ data: { viewer: { id } } });
  });

  test('accepts a chunked session', async () => {
    const id = await server().addUser();
    const cookies = await cookiesOf('h3 v2', { user: { id }, note: LARGE });
    expect(cookies.size).toBeGreaterThan(2);
    expect(await statusFor(id, { cookie: cookieHeader(cookies) })).toBe(200);
    cookies.delete(`${SESSION_COOKIE}.1`);
    expect(await statusFor(id, { cookie: cookieHeader(cookies) })).toBe(401);
  });

  test.each(ISSUERS)('accepts a session of %s with the previous password', async (issuer) => {
    const id = await server().addUser();
    const cookie = await signIn(issuer, { id }, { password: PREVIOUS });
    expect(await statusFor(id, { cookie })).toBe(200);
  });

  test.each(ISSUERS)('answers 401 to a forged session of %s', async (issuer) => {
    const id = await server().addUser();
    const cookie = await signIn(issuer, { id });
    const middle = Math.floor(cookie.length / 2);
    const changed = cookie[middle] === 'A' ? 'B' : 'A';
    const forged = cookie.slice(0, middle) + changed + cookie.slice(middle + 1);
    expect(await statusFor(id, { cookie: forged })).toBe(401);
    expect(await statusFor(id, { cookie, [SESSION_HEADER]: 'nonsense' })).toBe(401);
    const foreign = await signIn(issuer, { id }, { password: 'x'.repeat(32) });
    expect(await statusFor(id, { cookie: foreign })).toBe(401);
  });

  test.each(['nonsense', `${SESSION_COOKIE}=`, `${SESSION_COOKIE}=Fe26.2*******`, '%;=;;'])(
    'answers 401 to the cookie "%s"',
    async (cookie) => {
      expect(await statusFor('anyone', { cookie })).toBe(401);
    },
  );
});

test('the context of a request holds its viewer and log, and is anonymous without a valid session', async () => {
  const contexts = createContextBuilder(new SessionReader({ passwords: [PASSWORD], maxAge: null }));
  const log = {} as FastifyRequest['log'];
  const buildFor = (cookie: string) =>
    contexts.opened({ headers: { cookie }, log } as FastifyRequest);
  const signedIn = await buildFor(await signIn('h3 v1', { id: 7 }));
  expect(signedIn.viewer).toEqual({ id: '7' });
  expect(signedIn.log).toBe(log);
  expect((await buildFor('nonsense')).viewer).toBeNull();
});
