import { requireOurs } from './candidates.js';
import { createDatabase } from './postgres.js';
import { freePort, launch, until } from './processes.js';
import { ask, kinds, rowsOf } from './requests.js';
import { PER_USER, seed } from './seed.js';
import { SESSION_PASSWORD, signIn, signInMany } from './sessions.js';

/**
 * Starts a candidate and waits until it answers `user` with one of `statuses`, and with rows if that is
 * a 200: GraphQL says with a 200, too, that its database is not there yet.
 * Each gets the same environment, and reads from it what it knows.
 */
export async function serve(
  candidate,
  { databaseUrl, user, kind = candidate.kinds[0], ...options },
) {
  const { statuses = [200], env, pause } = options;
  const [command, ...args] = await candidate.command();
  const port = await freePort();
  const started = performance.now();
  const server = launch(command, args, {
    env: {
      ...process.env,
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: String(port),
      DATABASE_URL: databaseUrl,
      SESSION_PASSWORD,
      RATE_LIMIT: '0',
      RATE_LIMIT_ANONYMOUS: '0',
      LOG_LEVEL: 'warn',
      ...candidate.env,
      ...env,
    },
  });
  const request = kinds[kind].request(user, candidate[kind]);
  const ready = async () => {
    const { status, text, json } = await ask(port, request);
    const expected = statuses.includes(status);
    if (expected && (status !== 200 || rowsOf(candidate, kind, json()))) return true;
    throw new Error(`it answers ${status} ${text.slice(0, 500)}`);
  };
  await until(ready, { what: candidate.title, process: server, pause });
  const readyAfter = performance.now() - started;
  return { candidate, port, pid: server.pid, readyAfter, stop: () => server.stop() };
}

/** A fresh database with the server's own tables in it, filled, and sessions of a thousand users. */
export async function prepare(name, rows, server = requireOurs()) {
  const databaseUrl = await createDatabase(`bench_${name}`);
  const user = await signIn('nobody-yet');
  const migrating = await serve(server, { databaseUrl, user, statuses: [404] });
  await migrating.stop();

  await seed(databaseUrl, rows);
  return { databaseUrl, users: await signInMany(rows / PER_USER) };
}
