import { createDecipheriv, createHmac, pbkdf2, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/** An iron seal, version 2: `Fe26.2*passwordId*salt*iv*ciphertext*expiration*hmacSalt*hmac`. */
export interface Seal {
  /** The input of the HMAC: the first six parts. */
  readonly signed: string;
  readonly salt: string;
  readonly iv: string;
  readonly ciphertext: string;
  /** Milliseconds since the epoch; `null`: never expires. */
  readonly expiresAt: number | null;
  readonly hmacSalt: string;
  readonly hmac: string;
}

/** Of PBKDF2, in h3 v1 and in h3 v2. A seal does not record which. */
const ITERATIONS = { v1: 1, v2: 8192 } as const;
const KEY_BYTES = 32;
/** Characters; it ends the seal. */
export const HMAC_LENGTH = 43;
const SEAL =
  /^(Fe26\.2\*\w*\*([\w-]{1,128})\*([\w-]{22})\*([\w-]{1,16384})\*([1-9]\d{0,15})?)\*([\w-]{1,128})\*([\w-]{43})$/;

const derive = promisify(pbkdf2);

/** Parses a seal without any cryptography; `null`: not a seal. */
export function parseSeal(text: string): Seal | null {
  const match = SEAL.exec(text);
  if (!match) return null;
  const [, signed, salt, iv, ciphertext, expiration, hmacSalt, hmac] = match as unknown as string[];
  return {
    signed,
    salt,
    iv,
    ciphertext,
    expiresAt: expiration ? Number(expiration) : null,
    hmacSalt,
    hmac,
  } as Seal;
}

/**
 * Opens a seal of h3 v1, expired or not, in microseconds.
 * @returns the sealed JSON value; `undefined`: not a seal of h3 v1 with one of the passwords, or altered
 */
export function openFastSeal(seal: Seal, passwords: readonly string[]): unknown {
  for (const password of passwords) {
    const keyOf = (salt: string) => pbkdf2Sync(password, salt, ITERATIONS.v1, KEY_BYTES, 'sha1');
    if (verifies(seal, keyOf(seal.hmacSalt))) return decrypt(seal, keyOf(seal.salt));
  }
  return undefined;
}

/** The same for h3 v2: each password takes milliseconds in the thread pool. */
export async function openSlowSeal(seal: Seal, passwords: readonly string[]): Promise<unknown> {
  for (const password of passwords) {
    const keyOf = (salt: string) => derive(password, salt, ITERATIONS.v2, KEY_BYTES, 'sha1');
    if (verifies(seal, await keyOf(seal.hmacSalt))) return decrypt(seal, await keyOf(seal.salt));
  }
  return undefined;
}

/** Compares text, not bytes: only the canonical base64 encoding is accepted (RFC 4648 §3.5). */
function verifies(seal: Seal, key: Buffer): boolean {
  const hmac = createHmac('sha256', key).update(seal.signed).digest('base64url');
  return timingSafeEqual(Buffer.from(hmac), Buffer.from(seal.hmac));
}

/** `null`, as for a session without a user, where the text is not JSON. */
function decrypt(seal: Seal, key: Buffer): unknown {
  try {
    const decipher = createDecipheriv('aes-256-cbc', key, Buffer.from(seal.iv, 'base64url'));
    const plain = decipher.update(seal.ciphertext, 'base64url', 'utf8') + decipher.final('utf8');
    return JSON.parse(plain);
  } catch {
    return null;
  }
}
