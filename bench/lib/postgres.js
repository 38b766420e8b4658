import { existsSync } from 'node:fs';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { atEnd, freePort, launch, run, unprivileged, until } from './processes.js';

/** Runs `work` with one connection to `url`. */
export async function withClient(url, work) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function findBinaries() {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? await readdir(debian) : [];
  const folders = [
    await run('pg_config', ['--bindir']).then(
      (text) => text.trim(),
      () => '',
    ),
    ...versions.sort((a, b) => b - a).map((version) => join(debian, version, 'bin')),
    ...process.env.PATH.split(':'),
  ];
  const found = folders.find((folder) => folder && existsSync(join(folder, 'initdb')));
  if (!found)
    throw new Error('No PostgreSQL: install the package postgresql, or set BENCH_DATABASE_URL.');
  return found;
}

/** A cluster with PostgreSQL's default settings in a temporary folder, gone at the end. */
async function startCluster() {
  const binaries = await findBinaries();
  const user = unprivileged();
  const folder = await mkdtemp(join(tmpdir(), 'bench-postgres-'));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  if (user.uid) await chown(folder, user.uid, user.gid);

  const options = { ...user, cwd: folder };
  const data = join(folder, 'data');
  const init = ['-D', data, '-U', 'bench', '--auth=trust', '--encoding=UTF8', '--locale=C'];
  await run(join(binaries, 'initdb'), init, options);

  const port = await freePort();
  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories='];
  const server = launch(
    join(binaries, 'postgres'),
    ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    options,
  );
  atEnd(() => server.stop('SIGINT'));

  const url = `postgres://bench@127.0.0.1:${port}/postgres`;
  await until(() => withClient(url, () => true), { what: 'PostgreSQL', process: server });
  return url;
}

let adminUrl;

/** The address of PostgreSQL: yours (BENCH_DATABASE_URL), or a throw-away cluster. */
export async function postgresUrl() {
  adminUrl ??= process.env.BENCH_DATABASE_URL || (await startCluster());
  return adminUrl;
}

/** Creates an empty database beside the one given, to be dropped at the end; returns its address. */
export async function createDatabase(name) {
  const admin = await postgresUrl();
  const drop = () =>
    withClient(admin, (client) => client.query(`drop database if exists ${name} with (force)`));
  await drop();
  await withClient(admin, (client) => client.query(`create database ${name}`));
  atEnd(drop);

  const url = new URL(admin);
  url.pathname = `/${name}`;
  return url.href;
}
