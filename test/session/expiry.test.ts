import { beforeAll, describe, expect, test } from '@jest/globals';
import { defaults, seal } from 'iron-webcrypto';
import { SESSION_HEADER } from '../../src/session/session-cookie.js';
import { SessionReader } from '../../src/session/session-reader.js';
import { ISSUERS, PASSWORD, sealedBy } from './h3-servers.js';

const ADA = { id: 'ada' };
const SKEW = 60_000;
const CENTURY = 100 * 365 * 86_400_000;

/** Reads a seal at a given time, with an empty and with a filled cache. */
function timeTraveller(maxAge: number | null) {
  let time = 0;
  const create = () => new SessionReader({ passwords: [PASSWORD], maxAge, now: () => time });
  const caching = create();
  return async (sealed: string, at: number) => {
    time = at;
    const fresh = await create().read({ [SESSION_HEADER]: sealed });
    expect(await caching.read({ [SESSION_HEADER]: sealed })).toEqual(fresh);
    return fresh;
  };
}

describe.each(ISSUERS)('an expiring seal of %s', (issuer) => {
  let sealed: string;
  let expiry: number;
  beforeAll(async () => {
    sealed = await sealedBy(issuer, ADA, { maxAge: 3600 });
    expiry = Number(sealed.split('*')[5]);
  });

  test('is valid until 60 s after its expiry, cached or not', async () => {
    expect(expiry).toBeGreaterThan(Date.now() + 3_500_000);
    const readAt = timeTraveller(null);
    expect(await readAt(sealed, expiry - 1)).toEqual(ADA);
    expect(await readAt(sealed, expiry)).toEqual(ADA);
    expect(await readAt(sealed, expiry + SKEW - 1)).toEqual(ADA);
    expect(await readAt(sealed, expiry + SKEW)).toBeNull();
    expect(await readAt(sealed, expiry + CENTURY)).toBeNull();
  });

  test('is valid if the clock of the server is behind that of the issuer', async () => {
    expect(await timeTraveller(null)(sealed, expiry - 3_600_000 - SKEW)).toEqual(ADA);
    expect(await timeTraveller(3600)(sealed, expiry - 3_600_000 - SKEW)).toEqual(ADA);
  });

  test('expires at the maximum age, if that is earlier', async () => {
    const readAt = timeTraveller(60);
    expect(await readAt(sealed, expiry - 3_600_000 + 50_000)).toEqual(ADA);
    expect(await readAt(sealed, expiry - 3_600_000 + 61_000)).toBeNull();
  });

  test('expires before the maximum age, if its expiry is earlier', async () => {
    const readAt = timeTraveller(1_000_000);
    expect(await readAt(sealed, expiry + SKEW - 1)).toEqual(ADA);
    expect(await readAt(sealed, expiry + SKEW)).toBeNull();
  });

  test('never expires without an expiry and a maximum age', async () => {
    const eternal = await sealedBy(issuer, ADA);
    expect(await timeTraveller(null)(eternal, Date.now() + CENTURY)).toEqual(ADA);
  });
});

describe('a maximum age', () => {
  const createdAt = 1_700_000_000_000;
  const sealSession = (session: object) =>
    seal({ id: 'x', data: { user: ADA }, ...session }, PASSWORD, defaults);

  test('counts from createdAt to the millisecond, without tolerance, as in h3', async () => {
    const sealed = await sealSession({ createdAt });
    const readAt = timeTraveller(3600);
    expect(await readAt(sealed, createdAt - 86_400_000)).toEqual(ADA);
    expect(await readAt(sealed, createdAt + 3_600_000)).toEqual(ADA);
    expect(await readAt(sealed, createdAt + 3_600_001)).toBeNull();
  });

  test('makes a session without a numeric createdAt anonymous', async () => {
    for (const session of [{}, { createdAt: null }, { createdAt: String(createdAt) }]) {
      const sealed = await sealSession(session);
      expect(await timeTraveller(3600)(sealed, createdAt)).toBeNull();
      expect(await timeTraveller(null)(sealed, createdAt)).toEqual(ADA);
    }
  });
});
