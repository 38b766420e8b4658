import { createCipheriv, createHmac, pbkdf2Sync } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { SESSION_COOKIE, SESSION_HEADER } from '../../src/session/session-cookie.js';
import { SessionReader } from '../../src/session/session-reader.js';
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
    expect(reader.remembered({ cookie })).toEqual(ADA);
    expect(
      reader.remembered({ [SESSION_HEADER]: cookie.slice(SESSION_COOKIE.length + 1) }),
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
  expect(reader.remembered({ cookie })).toEqual(ADA);
});

describe('the session cache', () => {
  const sealNumbered = createSealer();
  const read = (reader: SessionReader, number: number) =>
    reader.read({ [SESSION_HEADER]: sealNumbered(number) });
  const remembered = (reader: SessionReader, number: number) =>
    reader.remembered({ [SESSION_HEADER]: sealNumbered(number) });

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
});

/** Seals as in h3 v1, but with one key and salt for all, which is faster. */
function createSealer(): (number: number) => string {
  const salt = 'a'.repeat(64);
  const iv = Buffer.alloc(16);
  const key = pbkdf2Sync(PASSWORD, salt, 1, 32, 'sha1');
  return (number) => {
    const session = JSON.stringify({ data: { user: { id: `user-${number}` } } });
    const cipher = createCipheriv('aes-256-cbc', key, iv);
    const encrypted = Buffer.concat([cipher.update(session), cipher.final()]).toString('base64url');
    const signed = `Fe26.2**${salt}*${iv.toString('base64url')}*${encrypted}*`;
    const hmac = createHmac('sha256', key).update(signed).digest('base64url');
    return `${signed}*${salt}*${hmac}`;
  };
}
