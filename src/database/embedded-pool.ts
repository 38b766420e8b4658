import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite, types } from '@electric-sql/pglite';
import { DirectoryLock } from './directory-lock.js';
import type { ConnectCallback, Pool, Query } from './pool.js';

/** As in `pg`, a bigint is text: numbers are exact only up to 2^53. */
const PARSERS = { [types.INT8]: (text: string) => text };

/** PGlite's file system throws only this number. */
const WASI_ENOSPC = 51;

/** PGlite as a `pg.Pool`: one connection, leased in FIFO order, so that no caller joins another's transaction. */
export class EmbeddedPool implements Pool {
  readonly #directory: string;
  readonly #lock: DirectoryLock;
  #opening: Promise<PGlite> | null = null;
  #lastLease: Promise<void> = Promise.resolve();
  #ended = false;

  /** @param dataDirectory created at the first query */
  constructor(dataDirectory: string) {
    this.#directory = dataDirectory;
    this.#lock = new DirectoryLock(dataDirectory);
  }

  async query<Row>({ text, values }: Query): Promise<{ rows: Row[] }> {
    const client = await this.#lease();
    try {
      return (await client.query(text, values)) as { rows: Row[] };
    } finally {
      await client.release();
    }
  }

  connect(callback: ConnectCallback): void {
    this.#lease().then(
      (client) => callback(undefined, client, () => void client.release()),
      (error) => callback(error, undefined, () => {}),
    );
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#lastLease;
    const database = await this.#opening?.catch(() => null);
    await database?.close();
    await this.#lock.release();
  }

  async #lease(): Promise<EmbeddedClient> {
    if (this.#ended) throw new Error('The embedded database is closed');
    const previousLease = this.#lastLease;
    let endLease = () => {};
    this.#lastLease = new Promise((resolve) => {
      endLease = resolve;
    });
    await previousLease;
    try {
      this.#opening ??= this.#open();
      return new EmbeddedClient(await this.#opening, endLease);
    } catch (error) {
      this.#opening = null;
      endLease();
      throw error;
    }
  }

  async #open(): Promise<PGlite> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await this.#lock.acquire();
    try {
      const folder = join(this.#directory, 'postgres');
      if (!existsSync(folder)) await initialize(this.#directory, folder);
      return await PGlite.create(folder, { parsers: PARSERS });
    } catch (error) {
      await this.#lock.release();
      if ((error as { errno?: unknown }).errno !== WASI_ENOSPC) throw error;
      throw new Error(`${this.#directory} cannot be written: no space is left there`, {
        cause: error,
      });
    }
  }
}

/** Renames a complete database: a killed process leaves no partial one. */
async function initialize(parent: string, folder: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (name.startsWith('postgres.new')) await rm(join(parent, name), { recursive: true });
  }
  const fresh = `${folder}.new`;
  await (await PGlite.create(fresh)).close();
  await rename(fresh, folder);
}

/** The interface of `pg.Client` that TypeORM uses, over a leased connection. */
class EmbeddedClient {
  readonly #database: PGlite;
  readonly #endLease: () => void;
  #inTransaction = false;
  #released = false;

  constructor(database: PGlite, endLease: () => void) {
    this.#database = database;
    this.#endLease = endLease;
  }

  async query(text: string, values: unknown[] = []): Promise<unknown> {
    if (this.#released) throw new Error('This client was released to the pool already');
    this.#trackTransaction(text);
    if (values.length > 0) return this.#database.query(text, values);
    const results = await this.#database.exec(text);
    return results.at(-1);
  }

  /** Rolls back an open transaction, which the next borrower's statements would join. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    if (this.#inTransaction) await this.#database.exec('ROLLBACK').catch(() => {});
    this.#endLease();
  }

  /** No events: the connection cannot break while idle. */
  on(): this {
    return this;
  }

  removeListener(): this {
    return this;
  }

  #trackTransaction(text: string): void {
    if (/^\s*(begin|start\s+transaction)\b/i.test(text)) this.#inTransaction = true;
    else if (/^\s*(commit|end|rollback(?!\s+to)|abort)\b/i.test(text)) this.#inTransaction = false;
  }
}
