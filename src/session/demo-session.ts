import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sealSession } from './seal-session.js';
import { SESSION_HEADER } from './session-cookie.js';
import type { SessionReader } from './session-reader.js';

/** A sealed session of the demo user, kept in the data folder until the password changes. */
export async function demoSession(
  dataDirectory: string,
  sessions: SessionReader,
  userId: string,
  password: string,
): Promise<string> {
  const path = join(dataDirectory, 'demo-session');
  const kept = await readFile(path, 'utf8').catch(() => '');
  if ((await sessions.read({ [SESSION_HEADER]: kept }))?.id === userId) return kept;
  const sealed = await sealSession(userId, password, 0);
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  await writeFile(path, sealed, { mode: 0o600 });
  return sealed;
}
