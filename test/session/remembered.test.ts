import { beforeAll, describe, expect, test } from '@jest/globals';
import { SESSION_COOKIE, SESSION_HEADER } from '../../src/session/session-cookie.js';
import { SessionReader } from '../../src/session/session-reader.js';
import { createSealer } from '../helpers/sealer.js';
import { ISSUERS, LARGE, PASSWORD, signIn } from './h3-servers.js';

const ADA = { id: 'ada' };
const LIMIT = 20_000;
const createReader = () => new SessionReader({ passwords: [PASSWORD], maxAge: null });

describe.each(ISSUERS)('an opened session of %s', (issuer) => {
  let cookie: string;
  beforeAll(async () => {
    cookie = await signIn(issuer, ADA);
  });

  test('is read from the cache', async () => {
    const reader = createReader();
    expect(reader.remembered({ cookie })).toBeUndefined();
    await reader.read({ cookie });
    expect(reader.remembered({ cookie })?.viewer).toEqual(ADA);
    expect(
      reader.remembered({ [SESSION_HEADER]: cookie.slice(SESSION_COOKIE.length + 1) })?.viewer,
    ).toEqual(ADA);
  });

  test('is not returned for another cookie', async () => {
    const reader = createReader();
    await reader.read({ cookie });
    const other = await signIn(issuer, { id: 'bob' });
    const requests = Array.from({ length: 20 }, (_, at) => ({ cookie: at % 2 ? cookie : other }));
    const viewers = await Promise.all(requests.map((request) => reader.read(request)));
    expect(viewers).toEqual(requests.map((_, at) => (at % 2 ? ADA : { id: 'bob' })));
    expect(await reader.read({ cookie: cookie.slice(0, -1) })).toBeNull();
  });
});

test('a chunked session is cached', async () => {
  const reader = createReader();
  const cookie = await signIn('h3 v2', ADA, { note: LARGE });
  await reader.read({ cookie });
  expect(reader.remembered({ cookie })?.viewer).toEqual(ADA);
});

describe('the session cache', () => {
  const sealOf = createSealer(PASSWORD, 1);
  const sealNumbered = (number: number) => sealOf(`user-${number}`);
  const read = (reader: SessionReader, number: number) =>
    reader.read({ [SESSION_HEADER]: sealNumbered(number) });
  const remembered = (reader: SessionReader, number: number) =>
    reader.remembered({ [SESSION_HEADER]: sealNumbered(number) })?.viewer;

  test('evicts the least recently used session, which is then opened again', async () => {
    const reader = createReader();
    for (let number = 0; number < LIMIT; number++) await read(reader, number);
    expect(remembered(reader, 0)).toEqual({ id: 'user-0' });
    expect(await read(reader, LIMIT)).toEqual({ id: `user-${LIMIT}` });
    expect(remembered(reader, 0)).toEqual({ id: 'user-0' });
    expect(remembered(reader, 1)).toBeUndefined();
    expect(await read(reader, 1)).toEqual({ id: 'user-1' });
  });

  test('is not filled by forgeries', async () => {
    const reader = createReader();
    await read(reader, 0);
    for (let number = 0; number <= LIMIT; number++) {
      await reader.read({ [SESSION_HEADER]: `forged-${number}` });
    }
    expect(remembered(reader, 0)).toEqual({ id: 'user-0' });
  });

  test('remembers that a seal of h3 v2 does not open, or has no user', async () => {
    const reader = createReader();
    const forged = createSealer('another password of 32 characters or more', 8192)('ada');
    const nobody = createSealer(PASSWORD, 8192)('');
    for (const [sealed, rejection] of [
      [forged, 'forged'],
      [nobody, 'nobody'],
    ] as const) {
      const headers = { [SESSION_HEADER]: sealed };
      expect(reader.remembered(headers)).toBeUndefined();
      expect(await reader.open(headers)).toEqual({ viewer: null, rejection });
      expect(reader.remembered(headers)).toEqual({ viewer: null, rejection });
    }
  });
});
