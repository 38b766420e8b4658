import { describe, expect, test } from '@jest/globals';
import { exchange, statusesOf } from '../helpers/raw-http.js';
import { useServer } from '../helpers/server.js';

const ORIGIN = 'https://app.example.com';
const OTHER = 'http://localhost:3000';
const APPLICATION = 'capacitor://localhost';

describe('CORS', () => {
  const server = useServer('PGlite', {
    CORS_ORIGINS: `${ORIGIN}:443/, ${OTHER}, ${APPLICATION}`,
    RATE_LIMIT: '100',
  });

  const preflight = (origin: string, headers: string, path = '/graphql') =>
    fetch(server().url + path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': headers,
      },
    });

  test.each([ORIGIN, OTHER, APPLICATION])(
    'allows %s to send credentials and read the exposed headers',
    async (origin) => {
      expect(
        (await preflight(origin, 'content-type')).headers.get('access-control-allow-headers'),
      ).toContain('content-type');
      const me = await server().addUser();
      const { headers } = await server().rest(me, { headers: { origin } });
      expect(headers.get('access-control-allow-origin')).toBe(origin);
      expect(headers.get('access-control-allow-credentials')).toBe('true');
      expect(headers.get('vary')).toContain('Origin');
      const exposed = headers.get('access-control-expose-headers')?.split(', ') ?? [];
      for (const name of ['etag', 'x-request-id', 'ratelimit-remaining']) {
        expect(exposed).toContain(name);
        expect(headers.get(name)).not.toBeNull();
      }
      expect(exposed).toContain('retry-after');
    },
  );

  test.each([
    'traceparent, tracestate, baggage, sentry-trace',
    'apollographql-client-name,apollographql-client-version,authorization',
    'content-type,x-neptun-session-session,if-none-match,x-anything',
  ])('lets an allowed origin send any header: %s', async (asked) => {
    for (const path of ['/graphql', '/api/users/x/installations']) {
      const { status, headers } = await preflight(ORIGIN, asked, path);
      expect([status, headers.get('access-control-allow-headers')]).toEqual([204, asked]);
      const vary = headers.get('vary')?.split(', ');
      expect(vary).toEqual(expect.arrayContaining(['Origin', 'Access-Control-Request-Headers']));
    }
  });

  test.each([
    ['GET /nothing', 404, ''],
    ['GET /api/users/%E0%A4/installations', 404, ''],
    ['GET /%', 404, ''],
    ['PUT /graphql', 405, ''],
    ['PUT /api/users/x/installations', 405, ''],
    ['GET /graphql', 417, 'Expect: x\r\n'],
    ['GET /api/users/x/installations', 400, 'Host: b\r\n'],
    ['POST /graphql', 400, 'Transfer-Encoding: chunked\r\n'],
    ['GET /LONG', 414, ''],
    ['GET /graphql', 431, 'X: LONG\r\n'],
  ])('lets an allowed origin, and no other, read an error: %s, %i', async (line, status, more) => {
    const chunk = more.startsWith('Transfer') ? 'z\r\n' : '';
    const ask = (origin: string) => {
      const headers = `Host: a\r\nOrigin: ${origin}\r\nConnection: close\r\n${more}`;
      const bytes = `${line} HTTP/1.1\r\n${headers}\r\n${chunk}`;
      return exchange(server().url, bytes.replace('LONG', 'x'.repeat(20_000)), 2_000);
    };
    const [allowed, other] = [await ask(ORIGIN), await ask('https://other.example')];
    expect([...statusesOf(allowed), ...statusesOf(other)]).toEqual([status, status]);
    expect(other).not.toMatch(/access-control/i);
    expect(other).toMatch(/^vary: .*Origin/im);
    expect(allowed).toMatch(new RegExp(`^access-control-allow-origin: ${ORIGIN}\r$`, 'im'));
    expect(allowed).toMatch(/^access-control-allow-credentials: true\r$/im);
    expect(allowed).toMatch(/^access-control-expose-headers: .*x-request-id/im);
  });

  test.each([
    'null',
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://app.example.com.evil.example',
    'https://evil-app.example.com',
    'https://sub.app.example.com',
    'https://APP.example.com',
    'http://localhost:30000',
    'capacitor://other',
    `${ORIGIN}, ${OTHER}`,
  ])('allows no other origin: %s', async (origin) => {
    const answers = [
      await preflight(origin, 'content-type'),
      await server().rest('x', { headers: { origin } }),
      await server().graphql({ query: '{ viewer { id } }' }, { headers: { origin } }),
    ];
    for (const { headers } of answers) {
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
      expect(headers.get('vary')).toContain('Origin');
    }
  });
});
