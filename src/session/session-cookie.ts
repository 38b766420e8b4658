import type { IncomingHttpHeaders } from 'node:http';

/** The cookie that the web application issues; this server only reads it. */
export const SESSION_COOKIE = 'neptun-session';
/** h3 reads a header of this name before the cookie; it suits clients without a cookie jar. */
export const SESSION_HEADER = 'x-neptun-session-session';

/** What marks a main cookie whose value stands in parts `neptun-session.1` … `.N`. */
const CHUNKED = /^__chunked__(\d{1,3})$/;
const MAX_CHUNKS = 100;

/** The sealed session of a request, still closed; `null`: it brings none. */
export function sealedSession(headers: IncomingHttpHeaders): string | null {
  const header = headers[SESSION_HEADER];
  if (typeof header === 'string' && header) return header;
  if (!headers.cookie) return null;
  const value = cookieValue(headers.cookie, SESSION_COOKIE);
  return value?.startsWith('__chunked__') ? joinChunks(headers.cookie, value) : value;
}

function joinChunks(cookies: string, main: string): string | null {
  const count = Number(CHUNKED.exec(main)?.[1] ?? 0);
  if (count < 1 || count > MAX_CHUNKS) return null;
  const chunks = [];
  for (let number = 1; number <= count; number++) {
    const chunk = cookieValue(cookies, `${SESSION_COOKIE}.${number}`);
    if (!chunk) return null;
    chunks.push(chunk);
  }
  return chunks.join('');
}

/** The first cookie of that name (RFC 6265 §5.4 sends the most specific first), as h3 reads it. */
function cookieValue(cookies: string, name: string): string | null {
  if (!cookies.includes(name)) return null;
  for (const pair of cookies.split(';')) {
    const equals = pair.indexOf('=');
    if (equals === -1 || pair.slice(0, equals).trim() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    return decode(value.startsWith('"') ? value.slice(1, -1) : value);
  }
  return null;
}

function decode(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
