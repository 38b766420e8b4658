import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { defaults, seal } from 'iron-webcrypto';
import { SESSION_HEADER } from '../../src/session/session-cookie.js';
import { SessionReader } from '../../src/session/session-reader.js';
import { ISSUERS, PASSWORD, PREVIOUS, sealedBy } from './h3-servers.js';

const URL_SAFE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const VALID = { id: 'ada' };
const reader = new SessionReader({ passwords: [PASSWORD, PREVIOUS], maxAge: null });
const read = async (sealed: string) => reader.read({ [SESSION_HEADER]: sealed });
const withCharacter = (text: string, at: number, character: string) =>
  text.slice(0, at) + character + text.slice(at + 1);

describe.each(ISSUERS)('a forged seal of %s', (issuer) => {
  let sealed: string;
  let parts: string[];
  let others: string[];
  beforeAll(async () => {
    sealed = await sealedBy(issuer, VALID, { maxAge: 3600 });
    parts = sealed.split('*');
    others = (await sealedBy(issuer, { id: 'bob' }, { maxAge: 7200 })).split('*');
    expect([await read(sealed), await read(others.join('*'))]).toEqual([VALID, { id: 'bob' }]);
  });

  test('is anonymous with any character changed', async () => {
    const position = fc.nat({ max: sealed.length - 1 });
    const character = fc.constantFrom(...URL_SAFE, '*', '=', '+', '/', '\u00e9');
    await fc.assert(
      fc.asyncProperty(position, character, async (at, changed) => {
        fc.pre(changed !== sealed[at]);
        expect(await read(withCharacter(sealed, at, changed))).toBeNull();
      }),
      { numRuns: 150 },
    );
  });

  test.each([
    ['initialization vector', 3, 4],
    ['HMAC', 7, 2],
  ])(
    'is anonymous with other padding bits of the %s, which decode to the same bytes',
    async (_, part, padding) => {
      const text = parts[part] ?? '';
      const last = URL_SAFE.indexOf(text.at(-1) ?? '');
      for (let bits = 1; bits < 2 ** padding; bits++) {
        const same = withCharacter(text, text.length - 1, URL_SAFE[last ^ bits] ?? '');
        expect(Buffer.from(same, 'base64url')).toEqual(Buffer.from(text, 'base64url'));
        expect(await read(parts.with(part, same).join('*'))).toBeNull();
      }
    },
  );

  test('is anonymous with any parts of another valid seal', async () => {
    const differing = parts.flatMap((part, at) => (part === others[at] ? [] : [at]));
    expect(differing).toEqual([2, 3, 4, 5, 6, 7]);
    for (let choice = 1; choice < 2 ** differing.length - 1; choice++) {
      const swapped = differing.filter((_, bit) => choice & (1 << bit));
      const mixed = parts.map((part, at) => (swapped.includes(at) ? others[at] : part));
      expect(await read(mixed.join('*'))).toBeNull();
    }
  });

  test('is anonymous with a part added, removed or moved', async () => {
    for (const [at] of parts.entries()) {
      expect(await read(parts.toSpliced(at, 1).join('*'))).toBeNull();
      expect(await read(parts.toSpliced(at, 0, '').join('*'))).toBeNull();
      const rotated = [...parts.slice(at + 1), ...parts.slice(0, at + 1)];
      if (at < parts.length - 1) expect(await read(rotated.join('*'))).toBeNull();
    }
  });

  test('is anonymous with another expiry or none', async () => {
    for (const expiry of [`${Number(parts[5]) + 1}`, `${Number(parts[5]) * 10}`, '', '0', 'NaN']) {
      expect(await read(parts.with(5, expiry).join('*'))).toBeNull();
    }
  });

  test('is anonymous when truncated at either end', async () => {
    for (let length = 0; length < sealed.length; length++) {
      expect(await read(sealed.slice(0, length))).toBeNull();
      expect(await read(sealed.slice(sealed.length - length))).toBeNull();
    }
  });

  test('is anonymous with a prefix or suffix', async () => {
    for (const more of ['*', '=', 'A', ' ', '\n', '\0', ';', sealed, `*${sealed}`]) {
      expect(await read(sealed + more)).toBeNull();
      expect(await read(more + sealed)).toBeNull();
    }
  });
});

test('a seal of any other password is anonymous', async () => {
  const session = { createdAt: Date.now(), data: { user: VALID } };
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 32, maxLength: 64 }), async (password) => {
      expect(await read(await seal(session, password, defaults))).toBeNull();
    }),
    { numRuns: 50 },
  );
  for (const issuer of ISSUERS) {
    const password = 'another password of 32 characters or more';
    expect(await read(await sealedBy(issuer, VALID, { password }))).toBeNull();
  }
});
