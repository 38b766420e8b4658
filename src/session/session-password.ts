import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Characters that sealing needs: https://github.com/hapijs/iron */
export const MIN_LENGTH = 32;

/** The configured password; in development, else one generated once and kept in the data folder. */
export async function sessionPassword({
  sessionPassword: configured,
  dataDirectory,
}: {
  sessionPassword: string | null;
  dataDirectory: string;
}): Promise<string> {
  if (configured !== null) return configured;
  return (await readGenerated(dataDirectory)) ?? generate(dataDirectory);
}

/** @returns `null`: none was generated yet */
export async function readGenerated(dataDirectory: string): Promise<string | null> {
  return read(pathIn(dataDirectory));
}

function pathIn(dataDirectory: string): string {
  return join(dataDirectory, 'session-password');
}

/** @throws where a crash or a full disk has left less than a password, by which no session can be sealed */
async function read(path: string): Promise<string | null> {
  const password = await readFile(path, 'utf8').then(
    (text) => text.trim(),
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw new Error(`The generated password cannot be read (${error.code}): ${path}`);
    },
  );
  if (password !== null && password.length < MIN_LENGTH)
    throw new Error(`${path} is empty or cut off: delete it, and the next start generates another`);
  return password;
}

/** `link` fails if another process was first: both then use the same, complete file. */
async function generate(directory: string): Promise<string> {
  const path = pathIn(directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  const password = randomBytes(32).toString('base64url');
  try {
    await writeFile(draft, `${password}\n`, { mode: 0o600, flush: true });
    await link(draft, path);
    return password;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return (await read(path)) ?? password;
  } finally {
    await rm(draft, { force: true });
  }
}
