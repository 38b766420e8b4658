import { beforeAll, describe, expect, test } from '@jest/globals';
import { SESSION_COOKIE } from '../../src/session/session-cookie.js';
import { SessionReader } from '../../src/session/session-reader.js';
import { cookieHeader, cookiesOf, LARGE, PASSWORD, sealedBy } from './h3-servers.js';

const ADA = { id: 'ada' };
const reader = new SessionReader({ passwords: [PASSWORD], maxAge: null });
const read = (cookies: Map<string, string>) => reader.read({ cookie: cookieHeader(cookies) });

describe('a chunked session', () => {
  let cookies: Map<string, string>;
  let small: string;
  beforeAll(async () => {
    cookies = await cookiesOf('h3 v2', { user: ADA, note: LARGE });
    small = await sealedBy('h3 v1', ADA);
  });

  /** A small seal in `count` chunks. */
  function cut(count: number): Map<string, string> {
    const at = (number: number) => Math.floor((number * small.length) / count);
    const chunks = Array.from({ length: count }, (_, index): [string, string] => [
      `${SESSION_COOKIE}.${index + 1}`,
      small.slice(at(index), at(index + 1)),
    ]);
    return new Map([[SESSION_COOKIE, `__chunked__${count}`], ...chunks]);
  }

  test('is read from the cookies of h3 v2, in any order', async () => {
    expect(cookies.get(SESSION_COOKIE)).toMatch(/^__chunked__[2-9]$/);
    expect(await read(cookies)).toEqual(ADA);
    expect(await read(new Map([...cookies, ['theme', 'dark'] as const].reverse()))).toEqual(ADA);
  });

  test('ignores surplus chunks of an earlier, longer session', async () => {
    const left = new Map(cookies).set(`${SESSION_COOKIE}.${cookies.size}`, 'old');
    expect(await read(left)).toEqual(ADA);
  });

  test('has at most 100 chunks', async () => {
    expect(await read(cut(1))).toEqual(ADA);
    expect(await read(cut(100))).toEqual(ADA);
    expect(await read(cut(101))).toBeNull();
  });

  test('is anonymous if any chunk is missing, empty or replaced', async () => {
    const chunks = [...cookies.keys()].filter((name) => name !== SESSION_COOKIE);
    expect(chunks.length).toBeGreaterThan(1);
    for (const name of chunks) {
      const others = new Map(cookies);
      others.delete(name);
      expect(await read(others)).toBeNull();
      expect(await read(new Map(cookies).set(name, ''))).toBeNull();
      const [other = ''] = chunks.filter((chunk) => chunk !== name);
      expect(await read(new Map(cookies).set(name, cookies.get(other) ?? ''))).toBeNull();
    }
    expect(await read(cut(1).set(SESSION_COOKIE, '__chunked__2'))).toBeNull();
  });

  test.each(['0', '00', '1000', '-1', '+1', 'NaN', '', '1.5', '1e0', '0x1', '1x', '٢'])(
    'is anonymous if its main cookie is "__chunked__%s"',
    async (count) => {
      expect(await read(cut(1).set(SESSION_COOKIE, `__chunked__${count}`))).toBeNull();
    },
  );
});
