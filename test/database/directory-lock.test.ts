import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { DirectoryInUseError, DirectoryLock } from '../../src/database/directory-lock.js';

const LOCK_MODULE = join(process.cwd(), 'dist/src/database/directory-lock.js');
const temporary = () => mkdtemp(join(process.env.TEST_TEMP ?? '', 'lock-'));

/** Another process that takes the lock, says so, and waits. */
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
  return { child, said: String(line).trim() };
}

test('a live owner keeps others out, and is named', async () => {
  const folder = await temporary();
  const { child, said } = await otherProcess(folder);
  expect(said).toBe('held');
  const attempt = new DirectoryLock(folder).acquire();
  await expect(attempt).rejects.toThrow(DirectoryInUseError);
  await expect(attempt).rejects.toThrow(`process ${child.pid}`);
  child.kill('SIGKILL');
});

test('a killed owner keeps nobody out, and leaves nothing behind', async () => {
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

/** The end of a claim's name: where its process lives. */
async function here(folder: string): Promise<string> {
  const lock = new DirectoryLock(folder);
  await lock.acquire();
  const [claim] = await readdir(folder);
  await lock.release();
  return claim?.split('.')[3] as string;
}

test('a reused pid is not taken for the dead owner', async () => {
  const folder = await temporary();
  await writeFile(join(folder, `owner.1.987654321.${await here(folder)}`), '');
  const lock = new DirectoryLock(folder);
  await lock.acquire();
  await lock.release();
  expect(await readdir(folder)).toEqual([]);
});

test('an owner in another container keeps others out for as long as it renews its claim', async () => {
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

test('of many that start at once, at most one holds it', async () => {
  const folder = await temporary();
  const others = await Promise.all(Array.from({ length: 5 }, () => otherProcess(folder)));
  for (const { child } of others) child.kill('SIGKILL');
  expect(others.filter(({ said }) => said === 'held').length).toBeLessThanOrEqual(1);
});
