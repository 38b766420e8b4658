import { createCipheriv, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** Iterations of h3 v1 and h3 v2. */
export type Iterations = 1 | 8192;

/** Makes seals as h3 does, but with one key and salt for all users, which is faster; another sealer makes others. */
export function createSealer(password: string, iterations: Iterations): (user: string) => string {
  const salt = randomBytes(32).toString('hex');
  const iv = Buffer.alloc(16);
  const key = pbkdf2Sync(password, salt, iterations, 32, 'sha1');
  return (user) => {
    const session = JSON.stringify({ data: { user: { id: user } } });
    const cipher = createCipheriv('aes-256-cbc', key, iv);
    const encrypted = Buffer.concat([cipher.update(session), cipher.final()]).toString('base64url');
    const signed = `Fe26.2**${salt}*${iv.toString('base64url')}*${encrypted}*`;
    const hmac = createHmac('sha256', key).update(signed).digest('base64url');
    return `${signed}*${salt}*${hmac}`;
  };
}
