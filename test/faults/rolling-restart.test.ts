import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { type Started, startServing, until } from '../cli/process.js';
import { startNginx } from '../deploy/nginx-example.js';
import {
  createCluster,
  findPostgres,
  freePort,
  type PostgresCluster,
} from '../helpers/postgres-cluster.js';
import { cookieOf, PASSWORD } from '../helpers/server.js';
import { size } from '../helpers/size.js';

const REQUESTS = size(2_000, 100_000);
const CLIENTS = 16;
const USER = 'user123';

let cluster: PostgresCluster;
let ports: [number, number, number];
let nginx: Started & { url: string };
const instances: Started[] = [];

/** One instance as `deploy/installations@.service` starts it; settles when it is ready. */
async function startInstance(n: 0 | 1 | 2): Promise<void> {
  instances[n] = startServing({
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: String(ports[n]),
    TRUST_PROXY: '127.0.0.1',
    DATABASE_URL: cluster.url,
    SESSION_PASSWORD: PASSWORD,
    RATE_LIMIT: '0',
    RATE_LIMIT_ANONYMOUS: '0',
    LOG_LEVEL: 'warn',
  });
  const ready = () => fetch(`http://127.0.0.1:${ports[n]}/ready`).catch(() => null);
  await until(async () => (await ready())?.status === 200);
}

beforeAll(async () => {
  cluster = await createCluster(findPostgres() ?? '');
  ports = [await freePort(), await freePort(), await freePort()];
  await Promise.all([startInstance(0), startInstance(1), startInstance(2)]);
  nginx = await startNginx(ports);
  const client = new pg.Client({ connectionString: cluster.url });
  await client.connect();
  await client.query(`INSERT INTO neptun_user (id) VALUES ('${USER}')`);
  await client.query(
    `INSERT INTO github_app_installation (neptun_user_id, github_installation_id)
     SELECT '${USER}', n FROM generate_series(1, 3) n`,
  );
  await client.end();
}, 60_000);
afterAll(async () => {
  await nginx?.stop('SIGTERM');
  await Promise.all(instances.map((instance) => instance.stop('SIGTERM')));
  await cluster?.remove();
});

test('instances that are restarted in turn behind nginx fail no request', async () => {
  const cookie = await cookieOf(USER);
  const query = '{ viewer { id installations { githubInstallationId } } }';
  const rest = () => fetch(`${nginx.url}/api/users/${USER}/installations`, { headers: { cookie } });
  const graphql = () =>
    fetch(`${nginx.url}/graphql`, {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
  const answerOf = (request: Promise<Response>) =>
    request.then(async (response) => `${response.status} ${await response.text()}`).catch(String);
  const expected = [await answerOf(rest()), await answerOf(graphql())];
  expect(expected).toEqual([
    expect.stringMatching(/^200 .*"github_installation_id":"3"/),
    expect.stringMatching(/^200 .*"githubInstallationId":"3"/),
  ]);

  let [asked, restarts, restarting] = [0, 0, true];
  const failures: string[] = [];
  async function ask(): Promise<void> {
    while ((restarting || asked < REQUESTS) && failures.length < 10) {
      const kind = asked++ % 2;
      const answer = await answerOf(kind === 0 ? rest() : graphql());
      if (answer !== expected[kind]) failures.push(answer);
    }
  }
  const clients = Promise.all(Array.from({ length: CLIENTS }, ask));
  try {
    while (restarts === 0 || (asked < REQUESTS && failures.length < 10)) {
      for (const n of [0, 1, 2] as const) {
        expect(await instances[n]?.stop('SIGTERM')).toBe(0);
        await startInstance(n);
        restarts++;
      }
    }
  } finally {
    restarting = false;
    await clients;
  }
  expect(failures).toEqual([]);
  console.info(`${asked} requests, ${restarts} restarts, ${failures.length} failed`);
}, 600_000);
