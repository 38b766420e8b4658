import { randomUUID } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DirectoryInUseError } from '../../src/database/directory-lock.js';
import { EmbeddedPool } from '../../src/database/embedded-pool.js';
import { createDatabase, type TestDatabase } from '../helpers/databases.js';

interface Client {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: unknown[]; rowCount: number; command: string }>;
}

/** Uses the callback of `connect`, as TypeORM does. */
function borrow(pool: EmbeddedPool): Promise<{ client: Client; release: () => void }> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client, release) =>
      error ? reject(error) : resolve({ client: client as Client, release }),
    );
  });
}

describe('The embedded pool', () => {
  let database: TestDatabase;
  let pool: EmbeddedPool;
  beforeAll(async () => {
    database = await createDatabase('PGlite');
    pool = new EmbeddedPool(database.env.DATA_DIR);
    await pool.query({ text: 'CREATE TABLE note (text text)' });
  });
  afterAll(async () => {
    await pool.end();
    await database.remove();
  });

  test('runs statements of other callers outside of a transaction', async () => {
    const { client, release } = await borrow(pool);
    await client.query('BEGIN');
    await client.query("INSERT INTO note VALUES ('rolled back')");
    const other = pool.query({ text: "INSERT INTO note VALUES ('committed')" });
    await client.query('ROLLBACK');
    release();
    await other;
    const { rows } = await pool.query({ text: 'SELECT text FROM note' });
    expect(rows).toEqual([{ text: 'committed' }]);
  });

  test('rolls back a transaction left open by a borrower', async () => {
    const { client, release } = await borrow(pool);
    await client.query('START TRANSACTION');
    await client.query('CREATE TABLE left_open ()');
    release();
    const { rows } = await pool.query({ text: "SELECT to_regclass('left_open') AS name" });
    expect(rows).toEqual([{ name: null }]);
  });

  test('leases the connection to one borrower at a time, in FIFO order', async () => {
    const order: string[] = [];
    const work = async (name: string) => {
      const { client, release } = await borrow(pool);
      order.push(`${name} begins`);
      await client.query('SELECT pg_sleep(0.01)');
      order.push(`${name} ends`);
      release();
    };
    await Promise.all(['a', 'b', 'c'].map(work));
    expect(order).toEqual(['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  test('continues after a failed statement', async () => {
    await expect(pool.query({ text: 'SELECT 1 / 0' })).rejects.toMatchObject({ code: '22012' });
    await expect(pool.query({ text: 'SELECT 1 AS one' })).resolves.toMatchObject({
      rows: [{ one: 1 }],
    });
  });

  test('returns results as pg does: bigint as text, command, row count', async () => {
    const { client, release } = await borrow(pool);
    const result = await client.query('SELECT $1::bigint AS big', ['9007199254740993']);
    expect(result).toMatchObject({
      rows: [{ big: '9007199254740993' }],
      rowCount: 1,
      command: 'SELECT',
    });
    release();
    await expect(client.query('SELECT 1')).rejects.toThrow('released');
  });

  test('passes arrays of any text', async () => {
    const texts = ['quote " and \\', '{braces}', 'a,b', 'NULL', '', 'é 😀'];
    const { rows } = await pool.query({ text: 'SELECT $1::text[] AS texts', values: [texts] });
    expect(rows).toEqual([{ texts }]);
  });

  test('refuses a second owner of the folder, and names the first', async () => {
    const second = new EmbeddedPool(database.env.DATA_DIR);
    await expect(second.query({ text: 'SELECT 1' })).rejects.toThrow(DirectoryInUseError);
    await expect(second.query({ text: 'SELECT 1' })).rejects.toThrow(`process ${process.pid}`);
    await second.end();
    await expect(pool.query({ text: 'SELECT 1 AS one' })).resolves.toMatchObject({
      rows: [{ one: 1 }],
    });
  });

  test('keeps committed rows after it is closed and opened again', async () => {
    const own = await createDatabase('PGlite');
    const first = new EmbeddedPool(own.env.DATA_DIR);
    await first.query({ text: 'CREATE TABLE kept AS SELECT 7 AS number' });
    await first.end();
    await expect(first.query({ text: 'SELECT 1' })).rejects.toThrow('closed');
    expect(await readdir(own.env.DATA_DIR)).toEqual(['postgres']);
    const second = new EmbeddedPool(own.env.DATA_DIR);
    await expect(second.query({ text: 'SELECT number FROM kept' })).resolves.toMatchObject({
      rows: [{ number: 7 }],
    });
    await second.end();
    await own.remove();
  });

  test('starts beside the remains of a killed initialization', async () => {
    const folder = join(process.env.TEST_TEMP ?? '', randomUUID());
    await mkdir(join(folder, 'postgres.new', 'half'), { recursive: true });
    const own = new EmbeddedPool(folder);
    await expect(own.query({ text: 'SELECT 1 AS one' })).resolves.toMatchObject({
      rows: [{ one: 1 }],
    });
    await own.end();
    expect(await readdir(folder)).toEqual(['postgres']);
  });
});
