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

/** h3 v1 derives keys with 1 iteration, h3 v2 with 8,192; the seal does not record which. */
const ITERATIONS = [1, 8192] as const;
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

/** @returns the sealed JSON value, expired or not; `undefined`: sealed with another password, or altered */
export async function openSeal(seal: Seal, passwords: readonly string[]): Promise<unknown> {
  for (const iterations of ITERATIONS) {
    for (const password of passwords) {
      if (verifies(seal, await deriveKey(password, seal.hmacSalt, iterations))) {
        return decrypt(seal, await deriveKey(password, seal.salt, iterations));
      }
    }
  }
  return undefined;
}

/** One iteration takes microseconds and runs synchronously; thousands run in the thread pool. */
async function deriveKey(password: string, salt: string, iterations: number): Promise<Buffer> {
  return iterations === 1
    ? pbkdf2Sync(password, salt, iterations, KEY_BYTES, 'sha1')
    : derive(password, salt, iterations, KEY_BYTES, 'sha1');
}

/** Compares text, not bytes: only the canonical base64 encoding is accepted (RFC 4648 §3.5). */
function verifies(seal: Seal, key: Buffer): boolean {
  const hmac = createHmac('sha256', key).update(seal.signed).digest('base64url');
  return timingSafeEqual(Buffer.from(hmac), Buffer.from(seal.hmac));
}

function decrypt(seal: Seal, key: Buffer): unknown {
  const decipher = createDecipheriv('aes-256-cbc', key, Buffer.from(seal.iv, 'base64url'));
  const plain = decipher.update(seal.ciphertext, 'base64url', 'utf8') + decipher.final('utf8');
  return JSON.parse(plain);
}
