import { randomUUID } from 'node:crypto';
import { defaults, seal } from 'iron-webcrypto';

/** Seals a session in the format of h3 v1. @param ttl lifetime in seconds; 0: without expiry */
export function sealSession(userId: string, password: string, ttl: number): Promise<string> {
  const session = { id: randomUUID(), createdAt: Date.now(), data: { user: { id: userId } } };
  return seal(session, password, { ...defaults, ttl: ttl * 1000 });
}
