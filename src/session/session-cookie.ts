import type { IncomingHttpHeaders } from 'node:http';

/** Issued by the web application; this server only reads it. */
export const SESSION_COOKIE = 'neptun-session';
/** h3 reads this header before the cookie; it suits clients without a cookie jar. */
export const SESSION_HEADER = 'x-neptun-session-session';

/** The value of `Vary` (RFC 9110 §12.5.5). */
export const SESSION_HEADERS = `Cookie, ${SESSION_HEADER}`;

/** The main cookie of a session that is split into `neptun-session.1` … `.N`. */
const CHUNKED = /^__chunked__(\d{1,3})$/;
const MAX_CHUNKS = 100;

export function sealedSession(headers: IncomingHttpHeaders): string | null {
  const header = headers[SESSION_HEADER];
  if (typeof header === 'string' && header) return header;
  if (!headers.cookie?.includes(SESSION_COOKIE)) return null;
  const cookies = parseCookies(headers.cookie);
  const value = cookies.get(SESSION_COOKIE);
  if (!value) return null;
  return value.startsWith('__chunked__') ? joinChunks(cookies, value) : value;
}

function joinChunks(cookies: Map<string, string>, main: string): string | null {
  const count = Number(CHUNKED.exec(main)?.[1] ?? 0);
  if (count < 1 || count > MAX_CHUNKS) return null;
  const chunks = [];
  for (let number = 1; number <= count; number++) {
    const chunk = cookies.get(`${SESSION_COOKIE}.${number}`);
    if (!chunk) return null;
    chunks.push(chunk);
  }
  return chunks.join('');
}

/** As in h3, the first duplicate wins (RFC 6265 §5.4). A single pass: the header may hold 16 KiB of anything. */
function parseCookies(header: string): Map<string, string> {
  const cookies = new Map<string, string>();
  let equals = -1;
  for (let start = 0, end: number; start < header.length; start = end + 1) {
    end = header.indexOf(';', start);
    if (end === -1) end = header.length;
    if (equals < start) equals = header.indexOf('=', start);
    if (equals === -1) break;
    if (equals > end) continue;
    const name = header.slice(start, equals).trim();
    if (!name.startsWith(SESSION_COOKIE) || cookies.has(name)) continue;
    const value = header.slice(equals + 1, end).trim();
    cookies.set(name, decode(value.startsWith('"') ? value.slice(1, -1) : value));
  }
  return cookies;
}

function decode(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
