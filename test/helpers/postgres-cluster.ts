import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export interface PostgresCluster {
  /** The database `postgres`, as a superuser. */
  url: string;
  port: number;
  /** Starts it again on the same folder and port. */
  start(): Promise<void>;
  stop(signal?: 'SIGINT' | 'SIGQUIT'): Promise<void>;
  /** Stops it and removes its folder. */
  remove(): Promise<void>;
}

/** The binaries of the newest version; `null`: PostgreSQL is not installed. */
export function findPostgres(): string | null {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian)
    ? readdirSync(debian).sort((a, b) => Number(b) - Number(a))
    : [];
  const candidates = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(':'),
  ];
  return (
    candidates.find((folder) =>
      ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))),
    ) ?? null
  );
}

/** A temporary cluster on a free port of the loopback address; works as root too. */
export async function createCluster(
  binaries: string,
  parent: string = tmpdir(),
): Promise<PostgresCluster> {
  const folder = mkdtempSync(join(parent, 'installations-postgres-'));
  const owner = unprivilegedOwner();
  if (owner) chownSync(folder, owner.uid, owner.gid);
  const data = join(folder, 'data');
  execFileSync(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...owner, cwd: folder, stdio: 'pipe' },
  );
  const port = await freePort();
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  let server: ChildProcess | null = null;

  const cluster: PostgresCluster = {
    url,
    port,
    async start() {
      server = spawn(
        join(binaries, 'postgres'),
        [
          '-D',
          data,
          '-p',
          String(port),
          '-k',
          folder,
          '-c',
          'listen_addresses=127.0.0.1',
          '-c',
          'fsync=off',
        ],
        { ...owner, cwd: folder, stdio: 'ignore' },
      );
      await untilReady(url);
    },
    async stop(signal = 'SIGINT') {
      const running = server;
      server = null;
      if (!running || running.exitCode !== null) return;
      const exited = new Promise((resolve) => running.once('exit', resolve));
      running.kill(signal);
      await exited;
    },
    async remove() {
      await cluster.stop('SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await cluster.start();
  return cluster;
}

/** For PostgreSQL and PgBouncer, which refuse to run as root; `null`: this process is not root. */
export function unprivilegedOwner(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) => Number(execFileSync('id', [flag, name], { stdio: 'pipe' }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // No such user: try the next.
    }
  }
  return null;
}

/**
 * A free port of the loopback address, below the range of outgoing connections, which could take it while
 * its listener is restarted.
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    const attempt = () => server.listen(randomInt(10_000, 32_768), '127.0.0.1');
    server.on('error', ({ code }: NodeJS.ErrnoException) =>
      code === 'EADDRINUSE' ? attempt() : reject(new Error(`no free port: ${code}`)),
    );
    server.on('listening', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
    attempt();
  });
}

export async function untilReady(url: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    try {
      await client.connect();
      return await client.end();
    } catch (error) {
      if (attempt === 200) throw error;
      await sleep(50);
    }
  }
}
