import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { type DataSource, MoreThan } from 'typeorm';
import type { Config } from './config.js';
import { DEMO_USER } from './explore/demo-data.js';
import { createCommands } from './explore/demo-github/commands.js';
import { createDemoGithub, type DemoGithub } from './explore/demo-github/demo-github.js';
import { type App, createKeys, type Installation } from './explore/demo-github/model.js';
import { AppState } from './github/app-state.entity.js';
import { privateKeyOf } from './github/private-key.js';
import { GithubAppInstallation } from './installations/github-app-installation.entity.js';
import { InstallationFact } from './installations/installation-fact.entity.js';
import { type RunningServer, startServer } from './server.js';
import { User } from './users/user.entity.js';

export interface GithubDemo extends RunningServer {
  /** Runs the lines that a person types, until there are no more. */
  converse(input: NodeJS.ReadableStream, print: (text: string) => void): Promise<void>;
}

/** GitHub's own ids are far below. */
const FIRST_ID = 2 ** 42;
/** Pings until the server takes deliveries, with milliseconds between them. */
const TRIES = { count: 100, pause: 50 };
const WEBHOOK_PATH = '/api/github/webhooks';
const INTRODUCTION = `
GitHub is played here: type "install initech", "suspend acme", "rename acme umbrella" or "help", and look at what
the server answers for ${DEMO_USER}.
`;

/** Starts a GitHub beside a server of its App, with accounts that have installed it. */
export async function startGithubDemo(config: Config, log: FastifyBaseLogger): Promise<GithubDemo> {
  if (config.environment !== 'development' || config.databaseUrl !== null)
    throw new Error(
      'github demo: only with NODE_ENV=development and the embedded database: unset DATABASE_URL',
    );
  // The terminal is for the conversation.
  if (log.level === 'info') log.level = 'warn';
  // Other ids in each run: deliveries of the one before may be stored.
  const github = createDemoGithub(FIRST_ID + Date.now());
  const keys = createKeys();
  const secret = randomUUID();
  const app = github.world.addApp({ publicKey: keys.publicKey });
  const apiUrl = await github.listen();
  const server = await startServer(
    {
      ...config,
      github: {
        appId: String(app.id),
        privateKey: privateKeyOf(keys.pem),
        webhookSecrets: [secret],
        apiUrl,
        syncInterval: null,
        proofDays: 7,
        allowedAccounts: null,
        clientId: app.clientId,
        clientSecret: app.clientSecret,
        url: apiUrl,
        returnUrl: null,
        publicUrl: null,
      },
    },
    log,
  );
  app.webhook = { url: `${server.url}${WEBHOOK_PATH}`, secret };
  const { dataSource } = server.database;
  const run = createCommands(github, app, (installation) => link(dataSource, installation));
  const populate = async () => {
    await forget(dataSource);
    await dataSource.manager.upsert(User, { id: DEMO_USER }, ['id']);
    addAccounts(github);
    await untilReceived(github, app);
    await run('install acme');
    await run('install octocat hello-world');
  };
  return {
    ...server,
    ready: server.ready.then(populate),
    async converse(input, print) {
      print(INTRODUCTION);
      for await (const line of createInterface({ input })) print(await run(line));
    },
    async close(idleTimeout) {
      await forget(dataSource).catch(() => {});
      // A real App would be another one than the last.
      await dataSource.manager.delete(AppState, { appId: String(app.id) }).catch(() => {});
      await server.close(idleTimeout);
      await github.close();
    },
  };
}

function addAccounts({ world, actions }: DemoGithub): void {
  const acme = world.addAccount('acme');
  actions.createRepository(acme, { name: 'anvil' });
  actions.createRepository(acme, { name: 'rocket', visibility: 'private' });
  const octocat = world.addAccount('octocat', 'User');
  actions.createRepository(octocat, { name: 'hello-world' });
  actions.createRepository(octocat, { name: 'spoon-knife' });
}

/** GitHub repeats no delivery by itself. */
async function untilReceived({ world: { deliveries }, actions }: DemoGithub, app: App) {
  for (let tries = 1; tries <= TRIES.count; tries++) {
    actions.ping(app);
    await deliveries.settled();
    if (deliveries.log.at(-1)?.statusCode !== 503) return;
    await sleep(TRIES.pause);
  }
}

/** As if the user had proved to have it. */
async function link({ manager }: DataSource, { id }: Installation): Promise<void> {
  await manager.insert(GithubAppInstallation, {
    neptunUserId: DEMO_USER,
    githubInstallationId: String(id),
  });
}

/** Removes what a demo has left in the database. */
async function forget({ manager }: DataSource): Promise<void> {
  const ours = MoreThan(String(FIRST_ID));
  await manager.delete(GithubAppInstallation, { githubInstallationId: ours });
  await manager.delete(InstallationFact, { id: ours });
}
