import { createInterface } from 'node:readline/promises';
import type { FastifyBaseLogger } from 'fastify';
import { type DataSource, In } from 'typeorm';
import type { Config } from './config.js';
import { DEMO_USER } from './explore/demo-data.js';
import { createCommands } from './explore/demo-github/commands.js';
import { createDemoGithub, type DemoGithub } from './explore/demo-github/demo-github.js';
import { type App, createKeys, type Installation } from './explore/demo-github/model.js';
import { privateKeyOf } from './github/private-key.js';
import { GithubAppInstallation } from './installations/github-app-installation.entity.js';
import { InstallationFact } from './installations/installation-fact.entity.js';
import { type RunningServer, startServer } from './server.js';
import { User } from './users/user.entity.js';

export interface GithubDemo extends RunningServer {
  /** Runs the lines that a person types, until there are no more. */
  converse(input: NodeJS.ReadableStream, print: (text: string) => void): Promise<void>;
}

const SECRET = 'the webhook secret of the demo';
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
  // Other ids in each run: a tombstone is final.
  const github = createDemoGithub(2 ** 33 + Date.now());
  const keys = createKeys();
  const app = github.world.addApp({ publicKey: keys.publicKey });
  const apiUrl = await github.listen();
  const server = await startServer(
    {
      ...config,
      github: {
        appId: String(app.id),
        privateKey: privateKeyOf(keys.pem),
        webhookSecrets: [SECRET],
        apiUrl,
        syncInterval: null,
      },
    },
    log,
  );
  app.webhook = { url: `${server.url}${WEBHOOK_PATH}`, secret: SECRET };
  const { dataSource } = server.database;
  const run = createCommands(github, app, (installation) => link(dataSource, installation));
  const populate = async () => {
    await forget(dataSource, app);
    await dataSource.manager.upsert(User, { id: DEMO_USER }, ['id']);
    addAccounts(github);
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
      await forget(dataSource, app).catch(() => {});
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

/** As if the user had proved to have it. */
async function link({ manager }: DataSource, { id }: Installation): Promise<void> {
  await manager.insert(GithubAppInstallation, {
    neptunUserId: DEMO_USER,
    githubInstallationId: String(id),
  });
}

/** Removes what a demo has left in the database. */
async function forget({ manager }: DataSource, { id }: App): Promise<void> {
  const known = await manager.findBy(InstallationFact, { appId: String(id) });
  const ids = In(known.map((fact) => fact.id));
  await manager.delete(GithubAppInstallation, { githubInstallationId: ids });
  await manager.delete(InstallationFact, { id: ids });
}
