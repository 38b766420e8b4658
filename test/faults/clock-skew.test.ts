import { describe, expect, jest, test } from '@jest/globals';
import { defaults, seal } from 'iron-webcrypto';
import { SESSION_HEADER } from '../../src/session/session-cookie.js';
import { cli, run, serve } from '../cli/process.js';
import { createDatabase } from '../helpers/databases.js';
import { PASSWORD } from '../helpers/server.js';

const USER = 'user123';
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Milliseconds; the configuration of the server has seconds. */
const MAX_AGE = HOUR;
/** The issuer's clock. */
const ISSUED = Date.parse('2026-03-29T00:30:00Z');

/** Seals a session by the issuer's clock. */
async function sealed(createdAt: number, ttl: number): Promise<string> {
  const clock = jest.spyOn(Date, 'now').mockReturnValue(ISSUED);
  const session = { id: 'x', createdAt, data: { user: { id: USER } } };
  const text = seal(session, PASSWORD, { ...defaults, ttl });
  return text.finally(() => clock.mockRestore());
}

/** The environment of a process with another time of day; its timers go on. */
async function faketime(at: string): Promise<Record<string, string>> {
  const { stdout } = await run('faketime', ['--exclude-monotonic', '-f', at, 'env'], { TZ: 'UTC' });
  const faked = stdout.matchAll(/^(LD_PRELOAD|FAKETIME(?:_DONT_FAKE_MONOTONIC)?)=(.*)$/gm);
  return Object.fromEntries(Array.from(faked, ([, name, value]) => [name, value]));
}

/** A server whose clock stands still at a time: `true`, where it takes a session for one that holds. */
async function serverAt(time: number) {
  const server = await serve({
    ...(await faketime(new Date(time).toISOString().replace('T', ' ').slice(0, 19))),
    TZ: 'UTC',
    SESSION_PASSWORD: PASSWORD,
    SESSION_MAX_AGE: String(MAX_AGE / 1000),
    LOG_LEVEL: 'silent',
  });
  return {
    ...server,
    async accepts(session: string): Promise<boolean> {
      const ask = () =>
        fetch(`${server.url}/api/users/${USER}/installations`, {
          headers: { [SESSION_HEADER]: session },
        });
      const answers = [await ask(), await ask()];
      for (const { headers } of answers) {
        expect(Date.parse(headers.get('date') ?? '')).toBe(time);
      }
      const [first, cached] = answers.map(({ status }) => status);
      expect([200, 401]).toContain(first);
      expect(cached).toBe(first);
      return first === 200;
    },
  };
}

describe.each([
  ['2 h behind', -2 * HOUR],
  ['90 s behind', -1.5 * MINUTE],
  ['exact', 0],
  ['90 s ahead', 1.5 * MINUTE],
  ['2 h ahead', 2 * HOUR],
])('A server whose clock is %s', (_name, skew) => {
  const now = ISSUED + skew;

  test('refuses a session 60 s after its expiry, or beyond the maximum age, to the millisecond', async () => {
    const server = await serverAt(now);
    // The ttl that has just expired by the server's clock; a seal cannot be created expired.
    const expiredTtl = skew - MINUTE;
    expect(await server.accepts(await sealed(now, Math.max(expiredTtl + 1, 1)))).toBe(true);
    if (expiredTtl > 0) expect(await server.accepts(await sealed(now, expiredTtl))).toBe(false);
    // 0: without expiry.
    expect(await server.accepts(await sealed(now - MAX_AGE, 0))).toBe(true);
    expect(await server.accepts(await sealed(now - MAX_AGE - 1, 0))).toBe(false);
    // A new session is too old if the clocks differ by more than the maximum age.
    expect(await server.accepts(await sealed(ISSUED, 0))).toBe(skew <= MAX_AGE);
    expect(await server.stop('SIGINT')).toBe(0);
  });
});

test.each([
  ['+0s', 0, '✓'],
  ['-20s', 0, '!'],
  ['+20s', 0, '!'],
  ['+90s', 1, '✗'],
])('doctor judges a clock that is %s beside the database’s', async (at, expected, mark) => {
  const { env, remove } = await createDatabase('PostgreSQL');
  const { code, stdout } = await cli(['doctor'], { ...env, ...(await faketime(at)) });
  expect([code, stdout]).toEqual([expected, expect.stringContaining(`Clock\n  ${mark} `)]);
  await remove();
});
