import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sealSession } from '../../src/session/seal-session.js';
import { SESSION_COOKIE, SESSION_HEADER } from '../../src/session/session-cookie.js';
import { SessionReader } from '../../src/session/session-reader.js';
import { type Served, serve } from '../cli/process.js';
import { createDatabase } from '../helpers/databases.js';
import { exchange, statusesOf } from '../helpers/raw-http.js';
import { size } from '../helpers/size.js';
import { ISSUERS, PASSWORD, sealedBy } from '../session/h3-servers.js';

/** Well-formed forgeries cost 8,192 iterations of key derivation for each password. */
const WELL_FORMED = size(300, 50_000);
const MALFORMED = size(20_000, 950_000);
/** Concurrent reads. */
const CONCURRENCY = 100;
const URL_SAFE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const reader = new SessionReader({ passwords: [PASSWORD], maxAge: null });

type Headers = { cookie: string } | { [SESSION_HEADER]: string };
const asCookie = (value: string): Headers => ({ cookie: `${SESSION_COOKIE}=${value}` });
const asHeader = (value: string): Headers => ({ [SESSION_HEADER]: value });
const replaced = (text: string, at: number, character: string) =>
  text.slice(0, at) + character + text.slice(at + 1);

describe('A forged session', () => {
  let seals: string[];
  beforeAll(async () => {
    seals = await Promise.all(
      ISSUERS.flatMap((issuer) =>
        ['ada', 'bob', 'eve'].map((id) => sealedBy(issuer, { id }, { maxAge: 3600 })),
      ),
    );
    for (const sealed of seals) expect(await reader.read(asCookie(sealed))).not.toBeNull();
  });

  /** The forgeries that were accepted. */
  async function accepted(headers: Headers[]): Promise<Headers[]> {
    const viewers = await Promise.all(headers.map((header) => reader.read(header)));
    return headers.filter((_, n) => viewers[n] !== null);
  }

  const check = (headers: fc.Arbitrary<Headers>, times: number) =>
    fc.assert(
      fc.asyncProperty(
        fc.noBias(
          fc.array(headers, { minLength: CONCURRENCY, maxLength: CONCURRENCY, size: 'max' }),
        ),
        async (batch) => expect(await accepted(batch)).toEqual([]),
      ),
      { numRuns: times / CONCURRENCY, endOnFailure: true },
    );

  test('is anonymous with any invalid byte, or another valid one, at every position', async () => {
    const sealed = seals[0] as string;
    let tried = 0;
    for (let at = 0; at < sealed.length; at++) {
      const others = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).filter(
        (character) => character !== sealed[at] && !/[\w-]/.test(character),
      );
      // One well-formed change at each position; others are generated below.
      others.push(sealed[at] === 'A' ? 'B' : 'A');
      tried += others.length;
      const changed = others.map((character) => asCookie(replaced(sealed, at, character)));
      expect(await accepted(changed)).toEqual([]);
    }
    expect(tried).toBeGreaterThan(190 * sealed.length);
  }, 60_000);

  test(`is anonymous with changed characters and swapped parts, ${WELL_FORMED} well-formed variants`, async () => {
    const seal = fc.nat().map((which) => seals[which % seals.length] as string);
    const changed = fc
      .tuple(
        seal,
        fc.array(fc.tuple(fc.nat(9_999), fc.constantFrom(...URL_SAFE)), {
          minLength: 1,
          maxLength: 3,
        }),
      )
      .map(([sealed, changes]) =>
        changes.reduce((text, [place, character]) => {
          const at = Math.floor((place / 10_000) * text.length);
          return text[at] === '*' || at < 7 ? text : replaced(text, at, character);
        }, sealed),
      );
    const mixed = fc
      .tuple(seal, seal, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }))
      .map(([one, other, choice]) => {
        const others = other.split('*');
        return one
          .split('*')
          .map((part, at) => (choice[at] ? others[at] : part))
          .join('*');
      });
    const forged = fc.oneof(changed, mixed).filter((sealed) => !seals.includes(sealed));
    await check(
      forged.chain((sealed) => fc.constantFrom(asCookie(sealed), asHeader(sealed))),
      WELL_FORMED,
    );
  }, 600_000);

  test(`is anonymous when truncated, spliced, chunked or misnamed, ${MALFORMED} variants`, async () => {
    const seal = fc.nat().map((which) => seals[which % seals.length] as string);
    const place = fc.nat(9_999).map((n) => n / 10_000);
    const noise = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom(
        '%',
        '%2',
        '%zz',
        '%00',
        '"',
        '*',
        '**',
        '=',
        ',',
        ' ',
        '\t',
        '\0',
        '\r\n',
        '+',
        '/',
        '\u00e9',
      ),
    );
    const torn = fc.tuple(seal, place, noise, fc.nat(3)).map(([sealed, at, what, gone]) => {
      const start = 1 + Math.floor(at * (sealed.length - 1));
      return sealed.slice(0, start) + what + sealed.slice(start + gone);
    });
    const cut = fc.tuple(seal, place, fc.boolean()).map(([sealed, at, end]) => {
      const length = Math.floor(at * sealed.length);
      return end ? sealed.slice(0, length) : sealed.slice(sealed.length - length);
    });
    const malformed = fc
      .oneof(torn, cut)
      .filter((text) => !isWellFormed(text) && !seals.includes(decoded(text)));
    const value = fc.oneof(malformed.map(asCookie), malformed.map(asHeader));
    const chunks = fc
      .tuple(
        seal,
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom('less', 'more', 'swapped', 'empty', 'nested', 'count'),
      )
      .map(([sealed, count, trick]) => chunked(sealed, count + 1, trick));
    // After a duplicate with an invalid value, or under a similar name.
    const named = fc
      .tuple(
        seal,
        fc.constantFrom(
          `${SESSION_COOKIE}=x; ${SESSION_COOKIE}=`,
          `${SESSION_COOKIE}-2=`,
          `x${SESSION_COOKIE}=`,
          'Neptun-Session=',
          `${SESSION_COOKIE}.1=`,
          `a=b, ${SESSION_COOKIE}=`,
          `${SESSION_COOKIE} x=`,
        ),
      )
      .map(([sealed, name]): Headers => ({ cookie: `${name}${sealed}` }));
    await check(fc.oneof({ weight: 8, arbitrary: value }, chunks, named), MALFORMED);
  }, 600_000);
});

/** Chunks that do not form a seal. */
function chunked(sealed: string, count: number, trick: string): Headers {
  const length = Math.ceil(sealed.length / count);
  const parts = Array.from({ length: count }, (_, n) => sealed.slice(n * length, (n + 1) * length));
  let main = `__chunked__${count}`;
  if (trick === 'less') parts.pop();
  if (trick === 'more') parts.push(parts[0] as string);
  if (trick === 'more') main = `__chunked__${parts.length}`;
  if (trick === 'swapped') parts.reverse();
  if (trick === 'empty') parts[0] = '';
  if (trick === 'nested') parts.splice(0, parts.length, '__chunked__1', sealed);
  if (trick === 'nested') main = '__chunked__1';
  if (trick === 'count') main += ['x', '.0', ' 1', '9', '-1', '0'][count % 6];
  const cookies = parts.map((part, n) => `${SESSION_COOKIE}.${n + 1}=${part}`);
  return { cookie: [`${SESSION_COOKIE}=${main}`, ...cookies].join('; ') };
}

const isWellFormed = (text: string) => /^Fe26\.2(\*[\w-]*){7}$/.test(decoded(text));

/** Decodes a cookie value: trims it, and removes quotes and percent-encoding. */
function decoded(text: string): string {
  const value = (text.split(';')[0] ?? '').trim().replace(/^"(.*).$/s, '$1');
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

describe('Cookies over HTTP', () => {
  const TIMES = size(200, 5_000);
  let server: Served;
  let sealed: string;
  beforeAll(async () => {
    const { env } = await createDatabase('PGlite');
    server = await serve({
      ...env,
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      SESSION_PASSWORD: PASSWORD,
      RATE_LIMIT_ANONYMOUS: '0',
      LOG_LEVEL: 'error',
    });
    sealed = await sealSession('ada', PASSWORD, 0);
  });
  afterAll(() => server?.stop('SIGINT'));

  const ask = async (cookie: string) => {
    const head = `GET /api/users/ada/installations HTTP/1.1\r\nHost: a\r\nConnection: close\r\n`;
    return statusesOf(await exchange(server.url, `${head}Cookie: ${cookie}\r\n\r\n`, 5_000));
  };

  test('authenticate a valid session, and no altered one', async () => {
    expect(await ask(`${SESSION_COOKIE}=${sealed}`)).toEqual([404]);
    const byte = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code));
    await fc.assert(
      fc.asyncProperty(
        fc.noBias(
          fc.array(fc.tuple(fc.nat(9_999), byte), { minLength: 20, maxLength: 20, size: 'max' }),
        ),
        async (changes) => {
          const wrong = [];
          for (const [place, character] of changes) {
            const at = Math.floor((place / 10_000) * sealed.length);
            if (sealed[at] === character) continue;
            const changed = replaced(sealed, at, character);
            const [status] = await ask(`${SESSION_COOKIE}=${changed}`);
            if (status !== 401 && status !== 400) wrong.push([changed, status]);
          }
          expect(wrong).toEqual([]);
        },
      ),
      { numRuns: TIMES / 20, endOnFailure: true },
    );
  }, 300_000);

  test('are refused with 431 above 16 KiB of headers', async () => {
    for (const unit of [
      'x',
      `${SESSION_COOKIE}=`,
      `${SESSION_COOKIE}=__chunked__9; `,
      sealed,
      '*',
      '; ',
    ]) {
      const huge = unit.repeat(Math.ceil((17 * 1024) / unit.length));
      expect(await ask(`${SESSION_COOKIE}=${huge}`)).toEqual([431]);
      expect(await ask(`a=${huge}; ${SESSION_COOKIE}=${sealed}`)).toEqual([431]);
    }
    expect(await ask(`a=${'x'.repeat(15_000)}; ${SESSION_COOKIE}=${sealed}`)).toEqual([404]);
  });
});
