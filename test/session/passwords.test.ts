import { beforeAll, describe, expect, test } from '@jest/globals';
import { SESSION_HEADER } from '../../src/session/session-cookie.js';
import { SessionReader } from '../../src/session/session-reader.js';
import { ISSUERS, PASSWORD, PREVIOUS, sealedBy } from './h3-servers.js';

const NEXT = 'the password after the current, 32 characters or more';
const ADA = { id: 'ada' };
const BOB = { id: 'bob' };

const readerWith = (...passwords: string[]) => {
  const reader = new SessionReader({ passwords, maxAge: null });
  return (sealed: string) => reader.read({ [SESSION_HEADER]: sealed });
};

describe.each(ISSUERS)('a seal of %s during password rotation', (issuer) => {
  let old: string;
  let current: string;
  beforeAll(async () => {
    old = await sealedBy(issuer, ADA, { password: PREVIOUS });
    current = await sealedBy(issuer, BOB, { password: PASSWORD });
  });

  test('opens with the current and with the previous password', async () => {
    const read = readerWith(PASSWORD, PREVIOUS);
    expect(await read(old)).toEqual(ADA);
    expect(await read(current)).toEqual(BOB);
  });

  test('opens with either password from the cache', async () => {
    const read = readerWith(PASSWORD, PREVIOUS);
    await Promise.all([read(old), read(current)]);
    expect(await Promise.all([read(old), read(current)])).toEqual([ADA, BOB]);
  });

  test('opens with a password until it is removed', async () => {
    expect(await readerWith(PREVIOUS)(current)).toBeNull();
    const rotated = readerWith(NEXT, PASSWORD);
    expect(await rotated(old)).toBeNull();
    expect(await rotated(current)).toEqual(BOB);
    expect(await readerWith(NEXT)(current)).toBeNull();
  });

  test.each(['', 'x', PASSWORD.toUpperCase(), `${PASSWORD} `, PASSWORD.slice(0, -1)])(
    'does not open with the password "%s"',
    async (password) => {
      expect(await readerWith(password)(current)).toBeNull();
    },
  );
});
