import { unsealSession } from 'h3';

const COOKIE = /(?:^|;\s*)neptun-session=([^;]+)/;
const password = process.env.SESSION_PASSWORD;

/**
 * The id of the user whose session the Cookie header carries; undefined when there is none.
 * Opens the seal each time, as h3 does.
 */
export async function openSession(cookieHeader) {
  const sealed = COOKIE.exec(cookieHeader ?? '')?.[1];
  if (!sealed) return undefined;
  try {
    const session = await unsealSession(undefined, { password }, decodeURIComponent(sealed));
    const id = session.data?.user?.id;
    return id === undefined ? undefined : String(id);
  } catch {
    return undefined;
  }
}

const LIMIT = 10_000;
const remembered = new Map();

/** The same, but what was opened once is remembered. */
export async function recallSession(cookieHeader) {
  const known = remembered.get(cookieHeader);
  if (known) return known;
  const userId = await openSession(cookieHeader);
  if (userId) {
    if (remembered.size >= LIMIT) remembered.clear();
    remembered.set(cookieHeader, userId);
  }
  return userId;
}
