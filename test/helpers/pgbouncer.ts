import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, unprivilegedOwner, untilReady } from './postgres-cluster.js';

export interface PgBouncer {
  /** Replaces the URL of the database. */
  url: string;
  remove(): Promise<void>;
}

/** Starts PgBouncer in transaction mode. */
export async function startPgBouncer(databaseUrl: string, poolSize: number): Promise<PgBouncer> {
  const { hostname, port, username, pathname } = new URL(databaseUrl);
  const name = pathname.slice(1);
  const own = await freePort();
  const owner = unprivilegedOwner();
  const folder = mkdtempSync(join(tmpdir(), 'installations-pgbouncer-'));
  const file = join(folder, 'pgbouncer.ini');
  const settings = [
    '[databases]',
    `${name} = host=${hostname} port=${port || 5432} dbname=${name} user=${username}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${own}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    `default_pool_size = ${poolSize}`,
  ];
  writeFileSync(file, `${settings.join('\n')}\n`);
  if (owner) for (const path of [folder, file]) chownSync(path, owner.uid, owner.gid);

  // Debian installs it into /usr/sbin.
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const bouncer = spawn('pgbouncer', ['--quiet', file], {
    ...owner,
    cwd: folder,
    env,
    stdio: 'ignore',
  });
  const gone = once(bouncer, 'exit');
  const url = `postgresql://${username}@127.0.0.1:${own}/${name}`;
  await Promise.race([
    untilReady(url),
    gone.then(() => {
      throw new Error('PgBouncer exited');
    }),
  ]);
  return {
    url,
    async remove() {
      bouncer.kill('SIGTERM');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
