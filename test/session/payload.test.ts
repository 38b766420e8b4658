import { describe, expect, test } from '@jest/globals';
import { defaults, seal } from 'iron-webcrypto';
import { SESSION_HEADER } from '../../src/session/session-cookie.js';
import { SessionReader } from '../../src/session/session-reader.js';
import { cookieHeader, cookiesOf, ISSUERS, PASSWORD, signIn } from './h3-servers.js';

const reader = new SessionReader({ passwords: [PASSWORD], maxAge: null });

/** Reads a valid seal of any text, JSON or not. */
const readSealed = async (text: string) =>
  reader.read({
    [SESSION_HEADER]: await seal(null, PASSWORD, { ...defaults, encode: () => text }),
  });

describe.each(ISSUERS)('a session sealed by %s', (issuer) => {
  test.each([
    ['text', 'user-1', 'user-1'],
    ['text beyond ASCII', 'Zoë 😀 %2A', 'Zoë 😀 %2A'],
    ['a number', 42, '42'],
    ['zero', 0, '0'],
    ['the largest safe integer', Number.MAX_SAFE_INTEGER, '9007199254740991'],
    ['a larger number as text', '12345678901234567890', '12345678901234567890'],
  ])('has the user id of %s', async (_, id, expected) => {
    const cookie = await signIn(issuer, { id, login: 'someone' });
    expect(await reader.read({ cookie })).toEqual({ id: expected });
  });

  test.each<[string, object]>([
    ['no user', {}],
    ['null as user', { user: null }],
    ['text as user', { user: 'ada' }],
    ['a user without an id', { user: { login: 'ada' } }],
    ['an id beside the user', { id: 'ada', user: {} }],
    ...[null, '', true, 1.5, 2 ** 53, -(2 ** 53), ['ada'], { id: 'ada' }].map(
      (id): [string, object] => [`the id ${JSON.stringify(id)}`, { user: { id } }],
    ),
  ])('is anonymous with %s', async (_, data) => {
    const cookie = cookieHeader(await cookiesOf(issuer, data));
    expect(await reader.read({ cookie })).toBeNull();
  });
});

describe('a valid seal', () => {
  test('opens without the other fields of a session', async () => {
    expect(await readSealed('{"data":{"user":{"id":"ada"}}}')).toEqual({ id: 'ada' });
  });

  test.each([
    ...['null', 'true', '7', '"text"', '[]', '[{"data":{"user":{"id":"ada"}}}]', '{}'],
    ...['{"data":null}', '{"data":[]}', '{"data":{"user":{"__proto__":{"id":"ada"}}}}'],
    ...['{"data":{"user":{"id":9007199254740993}}}', '{"data":{"user":{"id":1e999}}}'],
    ...['', '{', '{"data":{"user":{"id":"ada"}}', 'undefined'],
  ])('is anonymous with the payload %j', async (text) => {
    expect(await readSealed(text)).toBeNull();
  });
});
