import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { EmbeddedPool } from '../../src/database/embedded-pool.js';
import { cli, serve, until } from '../cli/process.js';
import { createCluster, findPostgres, type PostgresCluster } from '../helpers/postgres-cluster.js';
import { PASSWORD } from '../helpers/server.js';
import { size } from '../helpers/size.js';
import { addCallers, underLoad } from './load.js';

const ROUNDS = size(1, 10);
jest.setTimeout(size(120_000, 300_000));

/** A tmpfs. Mounting needs root, as in CI, or sudo; otherwise the test fails. */
let disk: string;
const asRoot = (...command: string[]) => {
  const [program = '', ...args] = process.getuid?.() === 0 ? command : ['sudo', '-n', ...command];
  return promisify(execFile)(program, args);
};
const resize = (megabytes: number) => asRoot('mount', '-o', `remount,size=${megabytes}m`, disk);

beforeEach(async () => {
  disk = mkdtempSync(join(tmpdir(), 'installations-disk-'));
  await asRoot('mount', '-t', 'tmpfs', '-o', 'size=200m,mode=777', 'tmpfs', disk);
});
afterEach(async () => {
  await asRoot('umount', disk);
  rmSync(disk, { recursive: true });
});

const filler = () => join(disk, 'filler');
const free = () => rm(filler());

async function fill(): Promise<void> {
  const file = await open(filler(), 'a');
  try {
    for (let bytes = 1 << 20; bytes >= 1 << 12; bytes /= 2) {
      const block = Buffer.alloc(bytes);
      try {
        for (;;) if ((await file.write(block)).bytesWritten < bytes) break;
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' });
      }
    }
  } finally {
    await file.close();
  }
}

test('PostgreSQL on a full disk: reads succeed or get 503, acknowledged writes are kept', async () => {
  const cluster = await createCluster(findPostgres() as string, disk);
  try {
    await withServer(cluster);
  } finally {
    await cluster.remove();
  }
});

async function withServer(cluster: PostgresCluster): Promise<void> {
  const env = {
    DATABASE_URL: cluster.url,
    SESSION_PASSWORD: PASSWORD,
    RATE_LIMIT: '0',
    LOG_LEVEL: 'silent',
  };
  const server = await serve(env);
  const callers = await addCallers(cluster.url, 50);
  const writer = new pg.Pool({ connectionString: cluster.url, max: 1 });
  writer.on('error', () => {});
  await writer.query('CREATE DATABASE empty');
  let acknowledged = 0;
  const write = async () => {
    // 500 bytes each, so that new pages are allocated.
    await writer.query('INSERT INTO neptun_user (id) VALUES ($1)', [
      `${'w'.repeat(500)}${acknowledged}`,
    ]);
    acknowledged++;
  };
  const tally = await underLoad(server.url, callers, async (tally) => {
    for (let round = 0; round < ROUNDS; round++) {
      await fill();
      const failed = async () => {
        for (;;) await write();
      };
      await expect(failed()).rejects.toMatchObject({ code: '53100' });
      const url = new URL(cluster.url);
      url.pathname = '/empty';
      expect(await cli(['migrate'], { ...env, DATABASE_URL: url.href })).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^.+\n$/),
      });
      await free();
      const start = Date.now();
      await write();
      const { right } = tally;
      while (tally.right < right + 16) await sleep(5);
      expect(Date.now() - start).toBeLessThan(5_000);
    }
  });
  if (ROUNDS > 1) console.info({ ...tally, acknowledged });
  expect(tally.wrong).toEqual([]);
  const { rows } = await writer.query("SELECT count(*)::int FROM neptun_user WHERE id LIKE 'www%'");
  expect(rows[0].count).toBe(acknowledged);
  await writer.end();
}

test('the log on a full disk: lines wait, and follow when there is room', async () => {
  await fill();
  const path = join(disk, 'log');
  const log = await open(path, 'a');
  const script = `
    const { createLog } = await import('${join(process.cwd(), 'dist/src/server.js')}');
    const log = createLog({ logLevel: 'info' });
    for (let n = 0; ; n++) {
      log.info({ n }, 'x'.repeat(100));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', log.fd, 'ignore'],
  });
  // So that lines wait.
  await sleep(3_000);
  await free();
  const lines = async () => (await readFile(path, 'utf8')).split('\n').slice(0, -1);
  await until(async () => (await lines()).length > 200);
  child.kill('SIGKILL');
  await log.close();
  for (const [index, line] of (await lines()).entries())
    expect(JSON.parse(line)).toMatchObject({ n: index });
});

test('the embedded database on a full disk: the first start fails with a message, the next one succeeds', async () => {
  await resize(16);
  const env = { DATA_DIR: join(disk, 'data'), SESSION_PASSWORD: PASSWORD };
  const { code, stderr } = await cli(['migrate'], env);
  expect([code, stderr]).toEqual([
    1,
    `${join(disk, 'data')} cannot be written: no space is left there\n`,
  ]);
  await resize(200);
  expect(await cli(['seed'], env)).toMatchObject({ code: 0, stderr: '' });
  expect(await readdir(env.DATA_DIR)).toEqual(['postgres']);
});

test('the embedded database on a full disk: reads succeed, acknowledged writes are kept', async () => {
  const pool = new EmbeddedPool(join(disk, 'data'));
  await pool.query({ text: 'CREATE TABLE note (text text)' });
  await fill();
  const write = (rows: number) =>
    pool.query({
      text: `INSERT INTO note SELECT repeat('x', 1000) FROM generate_series(1, ${rows})`,
    });
  const count = async (from: EmbeddedPool) =>
    (await from.query({ text: 'SELECT count(*)::int AS notes FROM note' })).rows;
  await expect(write(2_000)).rejects.toMatchObject({ code: '53100' });
  expect(await count(pool)).toEqual([{ notes: 0 }]);
  await free();
  await write(2_000);
  await pool.end();
  const again = new EmbeddedPool(join(disk, 'data'));
  expect(await count(again)).toEqual([{ notes: 2_000 }]);
  await again.end();
});
