import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireOurs } from '../lib/candidates.js';
import { median, printTable, saveFigures, thousands } from '../lib/figures.js';
import { sendAtRate } from '../lib/open-loop.js';
import { withClient } from '../lib/postgres.js';
import { atEnd, freePort, launch, run, unprivileged, until } from '../lib/processes.js';
import { kinds, mainKinds } from '../lib/requests.js';
import { expectedRows } from '../lib/seed.js';
import { prepare, serve } from '../lib/serve.js';
import { checkRows, verify } from '../lib/verify.js';
import { wrk } from '../lib/wrk.js';

const SBIN = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };

/** PgBouncer in transaction mode before that database; returns the address to use instead. */
async function startPgBouncer(databaseUrl) {
  await run('pgbouncer', ['--version'], { env: SBIN }).catch(() => {
    throw new Error('PgBouncer is missing: install the package pgbouncer.');
  });
  const user = unprivileged();
  const folder = mkdtempSync(join(tmpdir(), 'bench-pgbouncer-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));

  const { hostname, port, username, password, pathname } = new URL(databaseUrl);
  const name = pathname.slice(1);
  const target = {
    host: hostname,
    port: port || 5432,
    dbname: name,
    user: decodeURIComponent(username),
  };
  if (password) target.password = decodeURIComponent(password);
  const words = Object.entries(target).map(([key, value]) => `${key}='${value}'`);
  const own = await freePort();
  const file = join(folder, 'pgbouncer.ini');
  const settings = [
    '[databases]',
    `${name} = ${words.join(' ')}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${own}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
  ];
  writeFileSync(file, `${settings.join('\n')}\n`, { mode: 0o600 });
  if (user.uid) for (const path of [folder, file]) chownSync(path, user.uid, user.gid);

  const bouncer = launch('pgbouncer', ['--quiet', file], { ...user, cwd: folder, env: SBIN });
  const url = `postgres://bench@127.0.0.1:${own}/${name}`;
  await until(() => withClient(url, () => true), { what: 'PgBouncer', process: bouncer });
  return url;
}

/** The server on PgBouncer beside the server on PostgreSQL itself; every answer under load is checked. */
export async function measurePgBouncer({ rounds, seconds }) {
  const database = await prepare('pgbouncer', 50_000);
  const { users } = database;
  const start = (databaseUrl) => serve(requireOurs(), { databaseUrl, user: users[0] });
  const direct = await start(database.databaseUrl);
  const bounced = await start(await startPgBouncer(database.databaseUrl));

  const some = users.slice(0, 200);
  const expected = new Map();
  for (const { id } of some) expected.set(id, await expectedRows(database.databaseUrl, id));

  const results = [];
  for (const kind of mainKinds) {
    await verify(bounced, kind, database);
    const check = (body, { id }) =>
      checkRows(bounced.candidate, kind, JSON.parse(body), expected.get(id));
    await sendAtRate(bounced, kind, some, { rate: 500, seconds, check });

    const rates = { direct: [], bounced: [] };
    for (let round = 0; round < rounds; round++) {
      for (const [name, server] of Object.entries({ direct, bounced })) {
        await wrk(server, kind, users, { seconds: 2 });
        rates[name].push((await wrk(server, kind, users, { seconds })).rate);
      }
    }
    await verify(bounced, kind, database);
    results.push({
      kind,
      direct: median(rates.direct),
      bounced: median(rates.bounced),
      checked: 500 * seconds,
    });
  }
  await direct.stop();
  await bounced.stop();

  printTable(
    [
      'PgBouncer, transaction mode',
      'direct, requests/s ',
      'through it, requests/s ',
      'answers checked under load ',
    ],
    results.map((each) => [
      kinds[each.kind].title,
      thousands(each.direct),
      `${thousands(each.bounced)} (${Math.round((each.bounced / each.direct) * 100)}%)`,
      `${thousands(each.checked)}, all right`,
    ]),
  );
  saveFigures('pgbouncer', { results });
}
