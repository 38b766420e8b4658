import { randomUUID } from 'node:crypto';
import { defaults, seal } from 'iron-webcrypto';

/**
 * Seals a session of a user as the web application does (h3 v1), for `curl`, support and the demo.
 *
 * @param ttl seconds that the seal holds; 0: for ever
 * @returns the value of the cookie
 */
export function sealSession(userId: string, password: string, ttl: number): Promise<string> {
  const session = { id: randomUUID(), createdAt: Date.now(), data: { user: { id: userId } } };
  return seal(session, password, { ...defaults, ttl: ttl * 1000 });
}
