import { createHmac, timingSafeEqual } from 'node:crypto';

const SIGNATURE = /^sha256=([\da-f]{64})$/;

/** Whether a header may be a signature: what it says of the body is not known yet. SHA-1 is not accepted. */
export function isSignature(header: string | string[] | undefined): boolean {
  return SIGNATURE.test(String(header));
}

/** @param header `X-Hub-Signature-256` */
export function isSigned(
  body: Buffer,
  header: string | string[] | undefined,
  secrets: readonly string[],
): boolean {
  const [, hex] = SIGNATURE.exec(String(header)) ?? [];
  if (hex === undefined) return false;
  const signature = Buffer.from(hex, 'hex');
  // All are tried, so that the time does not tell which one is right.
  return secrets
    .map((secret) => timingSafeEqual(createHmac('sha256', secret).update(body).digest(), signature))
    .includes(true);
}
