import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { getChunkedCookie, H3Event } from 'h3-v2';
import { SESSION_COOKIE, SESSION_HEADER, sealedSession } from '../../src/session/session-cookie.js';
import { SessionReader } from '../../src/session/session-reader.js';
import { PASSWORD, sealedBy } from './h3-servers.js';

const ADA = { id: 'ada' };
const reader = new SessionReader({ passwords: [PASSWORD], maxAge: null });
const named = (value: string) => `${SESSION_COOKIE}=${value}`;

describe('the source of a session', () => {
  let ada: string;
  let bob: string;
  beforeAll(async () => {
    ada = await sealedBy('h3 v1', ADA);
    bob = await sealedBy('h3 v1', { id: 'bob' });
  });

  test('is the header, before the cookie', async () => {
    expect(await reader.read({ [SESSION_HEADER]: ada })).toEqual(ADA);
    expect(await reader.read({ [SESSION_HEADER]: ada, cookie: named(bob) })).toEqual(ADA);
    expect(await reader.read({ [SESSION_HEADER]: 'nonsense', cookie: named(ada) })).toBeNull();
  });

  test('is the cookie if the header is empty', async () => {
    expect(await reader.read({ [SESSION_HEADER]: '', cookie: named(ada) })).toEqual(ADA);
  });

  test('is neither another cookie nor Authorization', () => {
    expect(reader.remembered({})?.rejection).toBe('none');
    expect(reader.remembered({ cookie: '' })?.rejection).toBe('none');
    expect(
      reader.remembered({ cookie: 'theme=dark', authorization: `Bearer ${ada}` })?.rejection,
    ).toBe('none');
  });

  test.each<[string, (value: string) => string]>([
    ['among other cookies', (value) => `theme=dark; ${named(value)}; consent=yes`],
    ['with a percent-encoded value', (value) => named(value.replaceAll('*', '%2a'))],
    ['with a quoted value, as h3 v1 reads it', (value) => named(`"${value}"`)],
    ['without spaces, before a trailing semicolon', (value) => `a=1;${named(value)};`],
    ['surrounded by spaces', (value) => `a=1 ; \t${named(` ${value} `)} ; b=2`],
    ['after one whose name ends with its name', (value) => `x${named('no')}; ${named(value)}`],
    ['after one whose name begins with its name', (value) => `neptun-session.1=x; ${named(value)}`],
    ['after one whose value contains its name', (value) => `a=${named('no')}; ${named(value)}`],
    ['before a duplicate', (value) => `${named(value)}; ${named('no')}`],
  ])('is a cookie %s', async (_, cookie) => {
    expect(await reader.read({ cookie: cookie(ada) })).toEqual(ADA);
  });

  test.each<[string, (value: string) => string]>([
    ['whose name only ends with the name', (value) => `xneptun-session=${value}`],
    ['whose name only begins with the name', (value) => `neptun-sessions=${value}`],
    ['whose name differs in case', (value) => `Neptun-Session=${value}`],
    ['that is a chunk without its main cookie', (value) => `neptun-session.1=${value}`],
    ['that contains it in its value', (value) => `a=${named(value)}`],
    ['after a duplicate', (value) => `${named('no')}; ${named(value)}`],
    ['after an empty duplicate', (value) => `${named('')}; ${named(value)}`],
  ])('is not a cookie %s', async (_, cookie) => {
    expect(await reader.read({ cookie: cookie(ada) })).toBeNull();
  });
});

/** Without quotes: h3 v1 strips them, h3 v2 does not, and neither writes them. */
test('any Cookie header is parsed as in h3 v2', () => {
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
