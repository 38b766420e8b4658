#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import { Command, InvalidArgumentError } from 'commander';
import type { FastifyBaseLogger } from 'fastify';
import { DataSource } from 'typeorm';
import { hasStartPage } from './app.js';
import { type Config, loadConfig } from './config.js';
import { databaseName } from './database/database-name.js';
import { doctor } from './doctor/doctor.js';
import { messageOf } from './errors.js';
import { EvidenceReader } from './evidence/evidence.reader.js';
import { banner } from './explore/banner.js';
import { DEMO_USER } from './explore/demo-data.js';
import { createSchema, textOf } from './graphql/schema.js';
import { InstallationReader } from './installations/installation.reader.js';
import { Unlinking } from './installations/unlinking.js';
import { adoptCommand, migrateCommand, seedCommand } from './maintenance.js';
import { LogOutput } from './observability/log-output.js';
import { VERSION } from './package.js';
import { RepositoryReader } from './repositories/repository.reader.js';
import { createLog, type RunningServer, startServer } from './server.js';
import { sealSession } from './session/seal-session.js';
import { SESSION_COOKIE } from './session/session-cookie.js';
import { sessionPassword } from './session/session-password.js';
import { IDLE_DRAIN_TIMEOUT } from './timeouts.js';
import { UserReader } from './users/user.reader.js';

/** Milliseconds. At a terminal, npm passes on the Ctrl-C that its child has got already. */
const ECHO = 500;

const program = new Command('installations')
  .description('Which GitHub App installations does the signed-in user have?')
  .version(VERSION)
  .addHelpText('after', '\nConfigured by environment variables or .env: see README.md.')
  .showHelpAfterError('(--help shows what there is)');

program
  .command('serve')
  .description('serve GraphQL and REST until SIGTERM or SIGINT')
  .action(async () => void (await serve(startServer)));

program
  .command('migrate')
  .description('apply the pending migrations, then exit')
  .option('--adopt', 'add an index and the history to tables that another program has made')
  .action(({ adopt: adopts }: { adopt?: true }) =>
    (adopts ? adoptCommand : migrateCommand)(configure(), endingSignal()),
  );

program
  .command('seed')
  .description(`add the demo users, such as ${DEMO_USER}; refuses in production`)
  .action(() => seedCommand(configure()));

program
  .command('doctor')
  .description('look at configuration, database and clock, change nothing; 1: something is wrong')
  .action(async () => process.exit((await doctor(console.log)) ? 0 : 1));

program
  .command('session')
  .description('print a session cookie of a user, sealed with the configured password')
  .requiredOption('--user <id>', 'the user’s id', nonEmpty)
  .option('--ttl <seconds>', 'lifetime; 0: unlimited', wholeNumber, 3600)
  .addHelpText('after', '\ncurl -b "$(npm run --silent cli -- session --user user123)" …')
  .action(async ({ user, ttl }: { user: string; ttl: number }) => {
    const sealed = await sealSession(user, await sessionPassword(configure()), ttl);
    console.log(`${SESSION_COOKIE}=${sealed}`);
  });

program
  .command('sync')
  .description(
    'compare all installations of the GitHub App with GitHub; 1: some could not be checked',
  )
  .option('--installation <id>', 'this one alone, by GitHub’s id', githubId)
  .option('--dry-run', 'print what would change, and write nothing')
  .option('--force', 'even if many installations would be hidden')
  .option('--other-app', 'also for another App than before')
  .action(async (options) => {
    const { syncCommand } = await githubCommands();
    process.exit((await syncCommand(configure(), options, endingSignal())) ? 0 : 1);
  });

const github = program.command('github').description('the GitHub App');

github
  .command('status')
  .description('the App, its settings, deliveries, and what is kept; 1: something is wrong')
  .action(async () => {
    const { statusCommand } = await githubCommands();
    process.exit((await statusCommand(configure())) ? 0 : 1);
  });

github
  .command('explain')
  .description('say why an installation is, or is not, in the list of a user')
  .requiredOption('--user <id>', 'the user’s id', nonEmpty)
  .option('--installation <id>', 'GitHub’s id; default: all of the user', githubId)
  .action(async (whom) => {
    const { explainCommand } = await githubCommands();
    await explainCommand(configure(), whom);
  });

github
  .command('bind')
  .description('say which GitHub account a user has: what rested on another one ends')
  .requiredOption('--user <id>', 'the user’s id', nonEmpty)
  .requiredOption(
    '--github-id <id>',
    'GitHub’s id, as api.github.com/users/LOGIN shows it',
    githubId,
  )
  .action(async (whom) => {
    const { bindCommand } = await githubCommands();
    await bindCommand(configure(), whom);
  });

github
  .command('demo')
  .description('serve beside a GitHub that you play at this terminal; development only')
  .action(async () => {
    const { startGithubDemo } = await import('./github-demo.js');
    const demo = await serve(startGithubDemo);
    await demo?.converse(process.stdin, console.log);
  });

program
  .command('schema')
  .description('print the GraphQL schema, sorted')
  .action(() => {
    const nothing = (): never => {
      throw new Error('The schema is printed without a database');
    };
    const database = {
      query: nothing,
      tables: null,
      tableOf: nothing,
      declareRead() {},
      report: nothing,
      notReadyReason: null,
    };
    const schema = createSchema({
      users: new UserReader(database),
      installations: new InstallationReader(database),
      repositories: new RepositoryReader(database),
      unlinking: new Unlinking({ database, dataSource: new DataSource({ type: 'postgres' }) }),
      evidence: new EvidenceReader(database, null),
      appNow: () => null,
    });
    process.stdout.write(textOf(schema));
  });

await program.parseAsync().catch(exitWith);

/** @returns `null`: a signal has come before it was ready */
async function serve<Server extends RunningServer>(
  start: (config: Config, log: FastifyBaseLogger) => Promise<Server>,
): Promise<Server | null> {
  // Without these, V8 promotes the results of `pg` at once, and collects its whole heap after quiet seconds: see
  // docs/decisions/0005. Options that V8 reads before any code runs stand in package.json and deploy/.
  setFlagsFromString('--no-allocation-site-pretenuring');
  setFlagsFromString('--heap-growing-percent=100');
  const config = loadConfig();
  const output = new LogOutput();
  process.on('exit', () => output.flushSync());
  const log = createLog(config, output);
  for (const warning of config.warnings) log.warn(warning);
  // Unhandled rejections too. The state of the process is unknown afterwards.
  process.on('uncaughtException', (error, origin) => {
    log.fatal({ err: error, origin }, 'ended by an unhandled error');
    process.exit(1);
  });
  const starting = start(config, log);
  let stopping = false;
  const stop = (signal: keyof typeof IDLE_DRAIN_TIMEOUT) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'ending');
    starting
      .then((server) => server.close(IDLE_DRAIN_TIMEOUT[signal]))
      .then(() => output.flush())
      .then(() => process.exit(0), exitWith);
    setTimeout(() => {
      process.on('SIGTERM', () => process.exit(1));
      process.on('SIGINT', () => process.exit(1));
    }, ECHO).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  try {
    const server = await starting;
    await server.ready;
    const text = await bannerOf(server, config);
    if (!stopping) output.write(text);
    return stopping ? null : server;
  } catch (error) {
    // An error that the shutdown has caused is no failure.
    if (!stopping) throw error;
    return null;
  }
}

/** Loaded only where they are used. */
function githubCommands() {
  return import('./github-commands.js');
}

/** Of a command: its warnings are for the person at the terminal. */
function configure(): Config {
  const config = loadConfig();
  for (const warning of config.warnings) console.error(warning);
  return config;
}

async function bannerOf({ url, demo }: RunningServer, config: Config) {
  const present = demo && (await demo.users()).some(({ id }) => id === DEMO_USER);
  return banner({
    url,
    database: databaseName(config),
    ide: config.graphqlIde,
    startPage: hasStartPage(config),
    demo: present ? { userId: DEMO_USER, session: await demo.session(DEMO_USER) } : null,
  });
}

/** Aborted at the first signal; a second one ends the process. */
function endingSignal(): AbortSignal {
  const ending = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => ending.abort());
  return ending.signal;
}

function nonEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}

function githubId(text: string): string {
  if (!/^[1-9]\d{0,17}$/.test(text)) throw new InvalidArgumentError('It must be an id of GitHub.');
  return text;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** One clear line, without a stack trace: what a person at a terminal can act on. */
function exitWith(error: unknown): never {
  console.error(messageOf(error));
  process.exit(1);
}
