import { randomBytes, randomUUID, webcrypto } from 'node:crypto';
import { defaults, seal } from 'iron-webcrypto';

export const SESSION_PASSWORD = randomBytes(24).toString('hex');

/** The Cookie header of a signed-in user, sealed as h3 v1 seals it. */
export async function cookieOf(userId, password = SESSION_PASSWORD) {
  const session = { id: randomUUID(), createdAt: Date.now(), data: { user: { id: userId } } };
  return `neptun-session=${await seal(webcrypto, session, password, defaults)}`;
}

export async function signIn(userId) {
  return { id: userId, cookie: await cookieOf(userId) };
}

/** Sessions of `count` users out of `total`, evenly spread over the table. */
export async function signInMany(total, count = 1000) {
  const users = [];
  for (let index = 0; index < count; index++) {
    users.push(await signIn(`user-${1 + Math.floor((index * total) / count)}`));
  }
  return users;
}
