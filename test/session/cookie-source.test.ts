import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { getChunkedCookie, H3Event } from 'h3-v2';
import { SESSION_COOKIE, SESSION_HEADER, sealedSession } from '../../src/session/session-cookie.js';
import { SessionReader } from '../../src/session/session-reader.js';
import { PASSWORD, sealedBy } from './h3-servers.js';

const ADA = { id: 'ada' };
const reader = new SessionReader({ passwords: [PASSWORD], maxAge: null });
const named = (value: string) => `${SESSION_COOKIE}=${value}`;

describe('a session is read from', () => {
  let ada: string;
  let bob: string;
  beforeAll(async () => {
    ada = await sealedBy('h3 v1', ADA);
    bob = await sealedBy('h3 v1', { id: 'bob' });
  });

  test('the header, whatever the cookie', async () => {
    expect(await reader.read({ [SESSION_HEADER]: ada })).toEqual(ADA);
    expect(await reader.read({ [SESSION_HEADER]: ada, cookie: named(bob) })).toEqual(ADA);
    expect(await reader.read({ [SESSION_HEADER]: 'nonsense', cookie: named(ada) })).toBeNull();
  });

  test('the cookie, where the header is empty', async () => {
    expect(await reader.read({ [SESSION_HEADER]: '', cookie: named(ada) })).toEqual(ADA);
  });

  test('nowhere else', () => {
    expect(reader.remembered({})).toBeNull();
    expect(reader.remembered({ cookie: '' })).toBeNull();
    expect(reader.remembered({ cookie: 'theme=dark', authorization: `Bearer ${ada}` })).toBeNull();
  });

  test.each<[string, (value: string) => string]>([
    ['among others', (value) => `theme=dark; ${named(value)}; consent=yes`],
    ['with a percent-encoded value', (value) => named(value.replaceAll('*', '%2a'))],
    ['with a quoted value, as h3 v1 reads it', (value) => named(`"${value}"`)],
    ['without blanks around, and with a last semicolon', (value) => `a=1;${named(value)};`],
    ['with blanks around', (value) => `a=1 ; \t${named(` ${value} `)} ; b=2`],
    ['after one whose name ends like its own', (value) => `x${named('no')}; ${named(value)}`],
    ['after one whose name begins like its own', (value) => `neptun-session.1=x; ${named(value)}`],
    ['after one whose value has its name', (value) => `a=${named('no')}; ${named(value)}`],
    ['that is the first of two with the name', (value) => `${named(value)}; ${named('no')}`],
  ])('a cookie %s', async (_, cookie) => {
    expect(await reader.read({ cookie: cookie(ada) })).toEqual(ADA);
  });

  test.each<[string, (value: string) => string]>([
    ['whose name only ends like it', (value) => `xneptun-session=${value}`],
    ['whose name only begins like it', (value) => `neptun-sessions=${value}`],
    ['whose name is in other case', (value) => `Neptun-Session=${value}`],
    ['that is a chunk without the main cookie', (value) => `neptun-session.1=${value}`],
    ['that has it in its value', (value) => `a=${named(value)}`],
    ['that is the second of two with the name', (value) => `${named('no')}; ${named(value)}`],
    ['that comes after an empty one', (value) => `${named('')}; ${named(value)}`],
  ])('no cookie %s', async (_, cookie) => {
    expect(await reader.read({ cookie: cookie(ada) })).toBeNull();
  });
});

/** Without quotes: h3 v1 takes them off, h3 v2 does not, and neither of them writes any. */
test('any cookies at all are read as h3 v2 reads them', () => {
  const name = fc.constantFrom(
    ...['', '.1', '.2'].map((suffix) => SESSION_COOKIE + suffix),
    ...[`x${SESSION_COOKIE}`, 'a', ''],
  );
  const value = fc.oneof(
    fc.constantFrom(0, 1, 2, 101, 'NaN', '').map((count) => `__chunked__${count}`),
    fc.constantFrom(named('x'), 'a', '', 'a%2Ab', '%', '%E4', '%C3%A4', ' a '),
    fc.string({ unit: fc.constantFrom(...'ab=% \t,*'), maxLength: 6 }),
  );
  const separator = fc.constantFrom('; ', ';', ';;', ' ;\t', '; =; ', '; a; ');
  const cookies = fc
    .array(fc.tuple(name, fc.constant('='), value, separator))
    .map((list) => list.flat().join('').trim());
  fc.assert(
    fc.property(cookies, (cookie) => {
      const event = new H3Event(new Request('http://localhost/', { headers: { cookie } }));
      const expected = getChunkedCookie(event, SESSION_COOKIE);
      expect(sealedSession({ cookie }) || undefined).toBe(expected || undefined);
    }),
    { numRuns: 1000 },
  );
});
