import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SESSION_COOKIE, SESSION_HEADER } from '../../src/session/session-cookie.js';
import { SessionReader } from '../../src/session/session-reader.js';
import { PASSWORD } from './h3-servers.js';

const URL_SAFE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const reader = new SessionReader({ passwords: [PASSWORD], maxAge: null });

describe('a session without a seal', () => {
  const readAnywhere = async (text: string) => [
    await reader.read({ [SESSION_HEADER]: text }),
    await reader.read({ cookie: text }),
    await reader.read({ cookie: `${SESSION_COOKIE}=${text}` }),
    await reader.read({ cookie: `${SESSION_COOKIE}=__chunked__1; ${SESSION_COOKIE}.1=${text}` }),
  ];
  const ANONYMOUS = [null, null, null, null];

  test('is anonymous for any text', async () => {
    const token = fc.constantFrom(
      SESSION_COOKIE,
      '.1',
      '__chunked__',
      'Fe26.2',
      '*',
      '=',
      ';',
      '%',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.oneof(token, fc.string({ maxLength: 4 }))).map((list) => list.join('')),
    );
    await fc.assert(
      fc.asyncProperty(text, async (anything) => {
        expect(await readAnywhere(anything)).toEqual(ANONYMOUS);
      }),
      { numRuns: 500 },
    );
  });

  test('is anonymous for 16 KiB of any text', async () => {
    const length = 16 * 1024;
    const unit = fc.constantFrom(...URL_SAFE, ...'*=;% "');
    const garbage = fc.string({ unit, minLength: length, maxLength: length });
    await fc.assert(
      fc.asyncProperty(garbage, async (text) => {
        expect(await readAnywhere(text)).toEqual(ANONYMOUS);
      }),
      { numRuns: 20 },
    );
    for (const text of ['*', 'A', '%', '; ', `x${SESSION_COOKIE}=`, 'Fe26.2*']) {
      expect(await readAnywhere(text.repeat(length / text.length))).toEqual(ANONYMOUS);
    }
    const shaped = ['Fe26.2', '', 'a', 'A'.repeat(22), 'A'.repeat(length), '', 'a', 'A'.repeat(43)];
    expect(await readAnywhere(shaped.join('*'))).toEqual(ANONYMOUS);
  });
});
