import { createHmac, timingSafeEqual } from 'node:crypto';

/** @param header `X-Hub-Signature-256`; SHA-1 is not accepted */
export function isSigned(
  body: Buffer,
  header: string | string[] | undefined,
  secrets: readonly string[],
): boolean {
  const [, hex] = /^sha256=([\da-f]{64})$/.exec(String(header)) ?? [];
  if (hex === undefined) return false;
  const signature = Buffer.from(hex, 'hex');
  // All are tried, so that the time does not tell which one is right.
  return secrets
    .map((secret) => timingSafeEqual(createHmac('sha256', secret).update(body).digest(), signature))
    .includes(true);
}
