import { beforeAll, describe, expect, test } from '@jest/globals';
import { defaults, seal } from 'iron-webcrypto';
import { SESSION_HEADER } from '../../src/session/session-cookie.js';
import { SessionReader } from '../../src/session/session-reader.js';
import { ISSUERS, PASSWORD, sealedBy } from './h3-servers.js';

const ADA = { id: 'ada' };
const SKEW = 60_000;
const CENTURY = 100 * 365 * 86_400_000;

/** Reads a sealed text at any time, with a new reader, and with one that remembers what it has read. */
function timeTraveller(maxAge: number | null) {
  let time = 0;
  const create = () => new SessionReader({ passwords: [PASSWORD], maxAge, now: () => time });
  const remembering = create();
  return async (sealed: string, at: number) => {
    time = at;
    const fresh = await create().read({ [SESSION_HEADER]: sealed });
    expect(await remembering.read({ [SESSION_HEADER]: sealed })).toEqual(fresh);
    return fresh;
  };
}

describe.each(ISSUERS)('a seal of %s that expires', (issuer) => {
  let sealed: string;
  let expiry: number;
  beforeAll(async () => {
    sealed = await sealedBy(issuer, ADA, { maxAge: 3600 });
    expiry = Number(sealed.split('*')[5]);
  });

  test('holds until its expiry and 60 s of skew, whether it is remembered or not', async () => {
    expect(expiry).toBeGreaterThan(Date.now() + 3_500_000);
    const readAt = timeTraveller(null);
    expect(await readAt(sealed, expiry - 1)).toEqual(ADA);
    expect(await readAt(sealed, expiry)).toEqual(ADA);
    expect(await readAt(sealed, expiry + SKEW - 1)).toEqual(ADA);
    expect(await readAt(sealed, expiry + SKEW)).toBeNull();
    expect(await readAt(sealed, expiry + CENTURY)).toBeNull();
  });

  test('holds where this clock is behind the one of the issuer', async () => {
    expect(await timeTraveller(null)(sealed, expiry - 3_600_000 - SKEW)).toEqual(ADA);
    expect(await timeTraveller(3600)(sealed, expiry - 3_600_000 - SKEW)).toEqual(ADA);
  });

  test('ends with the maximum age, where that is earlier', async () => {
    const readAt = timeTraveller(60);
    expect(await readAt(sealed, expiry - 3_600_000 + 50_000)).toEqual(ADA);
    expect(await readAt(sealed, expiry - 3_600_000 + 61_000)).toBeNull();
  });

  test('ends with its expiry, where that is earlier than the maximum age', async () => {
    const readAt = timeTraveller(1_000_000);
    expect(await readAt(sealed, expiry + SKEW - 1)).toEqual(ADA);
    expect(await readAt(sealed, expiry + SKEW)).toBeNull();
  });

  test('never ends, where it has no expiry and there is no maximum age', async () => {
    const eternal = await sealedBy(issuer, ADA);
    expect(await timeTraveller(null)(eternal, Date.now() + CENTURY)).toEqual(ADA);
  });
});

describe('a maximum age', () => {
  const createdAt = 1_700_000_000_000;
  const sealSession = (session: object) =>
    seal({ id: 'x', data: { user: ADA }, ...session }, PASSWORD, defaults);

  test('is counted from createdAt to the millisecond, without skew, as h3 counts', async () => {
    const sealed = await sealSession({ createdAt });
    const readAt = timeTraveller(3600);
    expect(await readAt(sealed, createdAt - 86_400_000)).toEqual(ADA);
    expect(await readAt(sealed, createdAt + 3_600_000)).toEqual(ADA);
    expect(await readAt(sealed, createdAt + 3_600_001)).toBeNull();
  });

  test('makes a session without a proper createdAt anonymous', async () => {
    for (const session of [{}, { createdAt: null }, { createdAt: String(createdAt) }]) {
      const sealed = await sealSession(session);
      expect(await timeTraveller(3600)(sealed, createdAt)).toBeNull();
      expect(await timeTraveller(null)(sealed, createdAt)).toEqual(ADA);
    }
  });
});
