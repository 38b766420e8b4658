import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { DirectoryInUseError, DirectoryLock } from '../../src/database/directory-lock.js';

const LOCK_MODULE = join(process.cwd(), 'dist/src/database/directory-lock.js');
const temporary = () => mkdtemp(join(process.env.TEST_TEMP ?? '', 'lock-'));

/** Starts a process that acquires the lock, prints the result, and waits. */
async function otherProcess(folder: string) {
  const script = `
    const { DirectoryLock } = await import(${JSON.stringify(LOCK_MODULE)});
    await new DirectoryLock(${JSON.stringify(folder)}).acquire()
      .then(() => console.log('held'), (error) => { console.log(error.message); process.exit(1); });
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  return { child, printed: String(line).trim() };
}

test('a second process is refused, and the error names the owner', async () => {
  const folder = await temporary();
  const { child, printed } = await otherProcess(folder);
  expect(printed).toBe('held');
  const attempt = new DirectoryLock(folder).acquire();
  await expect(attempt).rejects.toThrow(DirectoryInUseError);
  await expect(attempt).rejects.toThrow(`process ${child.pid}`);
  child.kill('SIGKILL');
});

test('the claim of a killed owner is removed', async () => {
  const folder = await temporary();
  const { child } = await otherProcess(folder);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const lock = new DirectoryLock(folder);
  await lock.acquire();
  expect(await readdir(folder)).toHaveLength(1);
  await lock.release();
  expect(await readdir(folder)).toEqual([]);
});

/** The last part of a claim's name, which identifies boot, container and host. */
async function here(folder: string): Promise<string> {
  const lock = new DirectoryLock(folder);
  await lock.acquire();
  const [claim] = await readdir(folder);
  await lock.release();
  return claim?.split('.')[3] as string;
}

test('a reused pid does not hold the claim of a dead owner', async () => {
  const folder = await temporary();
  await writeFile(join(folder, `owner.1.987654321.${await here(folder)}`), '');
  const lock = new DirectoryLock(folder);
  await lock.acquire();
  await lock.release();
  expect(await readdir(folder)).toEqual([]);
});

test('a claim from another container is valid while its mtime is renewed', async () => {
  const folder = await temporary();
  const claim = join(folder, 'owner.1.987654321.elsewhere');
  await writeFile(claim, '');
  await expect(new DirectoryLock(folder).acquire()).rejects.toThrow('process 1');
  const long = new Date(Date.now() - 60_000);
  await utimes(claim, long, long);
  const lock = new DirectoryLock(folder);
  await lock.acquire();
  await lock.release();
});

test('at most one of several simultaneous processes acquires the lock', async () => {
  const folder = await temporary();
  const others = await Promise.all(Array.from({ length: 5 }, () => otherProcess(folder)));
  for (const { child } of others) child.kill('SIGKILL');
  expect(others.filter(({ printed }) => printed === 'held').length).toBeLessThanOrEqual(1);
});
