import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

/**
 * Reads the private key of an App: PEM, as files, environment variables (line breaks as `\n`) and secret stores (base64)
 * hold it.
 *
 * @returns PEM, PKCS #8, which all runtimes of the JWT library take; `null`: it is no RSA key
 */
export function privateKeyOf(text: string): string | null {
  const unescaped = text.trim().replaceAll('\\n', '\n');
  const pem = unescaped.startsWith('-----')
    ? unescaped
    : Buffer.from(unescaped, 'base64').toString();
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== 'rsa') return null;
    return key.export({ type: 'pkcs8', format: 'pem' }) as string;
  } catch {
    return null;
  }
}

/** @returns `null`: it cannot be read, or is no RSA key */
export function readPrivateKey(path: string): string | null {
  try {
    return privateKeyOf(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}
