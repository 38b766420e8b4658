import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { type DataSource, MoreThan } from 'typeorm';
import type { Config } from './config.js';
import { DEMO_USER } from './explore/demo-data.js';
import { createCommands } from './explore/demo-github/commands.js';
import { createDemoGithub, type DemoGithub } from './explore/demo-github/demo-github.js';
import { type Account, type App, createKeys } from './explore/demo-github/model.js';
import { AppState } from './github/app-state.entity.js';
import { privateKeyOf } from './github/private-key.js';
import { GithubGrant } from './grants/grant.entity.js';
import { GithubIdentity } from './grants/identity.entity.js';
import { GithubLink } from './grants/link.entity.js';
import { GithubMember } from './grants/member.entity.js';
import { GithubMemberList } from './grants/member-list.entity.js';
import { GithubSender } from './grants/sender.entity.js';
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
const PERSON = 'octocat';
const introduction = (url: string) => `
GitHub is played here. Open ${url}, sign in as ${DEMO_USER}, and connect GitHub as ${PERSON}.
Then type "install initech", "suspend acme", "leave acme ${PERSON}" or "help", and look at what the server answers.
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
  const person = addAccounts(github);
  const run = createCommands(github, app, [person]);
  const populate = async () => {
    await forget(dataSource);
    await dataSource.manager.upsert(User, { id: DEMO_USER }, ['id']);
    await untilReceived(github, app);
    await run('install acme');
    await run(`install ${PERSON} hello-world`);
  };
  return {
    ...server,
    ready: server.ready.then(populate),
    async converse(input, print) {
      print(introduction(server.url));
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

/** @returns the person whom the newcomer plays: in organizations a member */
function addAccounts({ world, actions }: DemoGithub): Account {
  const acme = world.addAccount('acme');
  actions.createRepository(acme, { name: 'anvil' });
  actions.createRepository(acme, { name: 'rocket', visibility: 'private' });
  const octocat = world.addAccount(PERSON, 'User');
  world.addAccount('monalisa', 'User');
  world.membersOf(acme).add(octocat);
  actions.createRepository(octocat, { name: 'hello-world' });
  actions.createRepository(octocat, { name: 'spoon-knife' });
  return octocat;
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

/** Removes what a demo has left in the database. */
async function forget({ manager }: DataSource): Promise<void> {
  const ours = MoreThan(String(FIRST_ID));
  await manager.delete(GithubAppInstallation, { githubInstallationId: ours });
  for (const entity of [GithubGrant, GithubLink, GithubSender])
    await manager.delete(entity, { installationId: ours });
  for (const entity of [GithubMember, GithubMemberList])
    await manager.delete(entity, { accountId: ours });
  await manager.delete(GithubIdentity, { githubId: ours });
  await manager.delete(InstallationFact, { id: ours });
}
