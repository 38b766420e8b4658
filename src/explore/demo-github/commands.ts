import { Command, CommanderError } from 'commander';
import { messageOf } from '../../errors.js';
import type { Delivery } from './deliveries.js';
import type { DemoGithub } from './demo-github.js';
import type { Account, App, Installation, Repository } from './model.js';

/** Of accounts and repositories at GitHub. */
const NAME = /^[\w.-]+$/;

/**
 * What a person at the terminal does at GitHub, by lines such as `suspend acme`.
 *
 * @param everybody are members of organizations that are made
 * @returns what runs a line, waits for the deliveries, and returns the text to print
 */
export function createCommands(
  { world, actions }: DemoGithub,
  app: App,
  everybody: readonly Account[],
): (line: string) => Promise<string> {
  const lines: string[] = [];
  const program = new Command()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => lines.push(text.trimEnd()),
      writeErr: (text) => lines.push(text.trimEnd()),
    })
    .configureHelp({ styleUsage: () => 'a command, and Enter; Ctrl-C ends' })
    .helpOption(false)
    .helpCommand('help', 'show this');
  const command = (usage: string, does: string, run: (...names: never[]) => void | Promise<void>) =>
    program
      .command(usage)
      .description(does)
      .helpOption(false)
      .action((...names) => run(...(names as never[])));

  const find = (account: Account) => world.installationsOf(account).find((one) => one.app === app);
  const accountOf = (login: string): Account =>
    existing(world.account(login), `there is no account ${login}`);
  const installationOf = (login: string): Installation =>
    existing(find(accountOf(login)), `${login} has not installed the App`);
  const repositoryOf = (login: string, name: string): Repository =>
    existing(named(accountOf(login), name), `${login} has no repository ${name}`);
  const named = (owner: Account, name: string) =>
    world.repositoriesOf(owner).find((one) => one.name === name);
  const namedOrNew = (owner: Account, name: string) =>
    named(owner, name) ?? actions.createRepository(owner, { name });

  command(
    'install <account> [repository...]',
    'install the App, on all repositories if none is named',
    (login: string, names: string[]) => {
      const account = world.account(login) ?? newOrganization(login);
      if (find(account)) throw new Error(`${login} has installed the App already`);
      const repositories = names.map((name) => namedOrNew(account, name));
      actions.install(app, account, repositories.length > 0 ? repositories : null);
    },
  );
  const newOrganization = (login: string) => {
    const organization = world.addAccount(login);
    for (const user of everybody) world.membersOf(organization).add(user);
    return organization;
  };
  command('uninstall <account>', 'remove the App', (login: string) =>
    actions.uninstall(installationOf(login)),
  );
  command('suspend <account>', 'suspend the installation', (login: string) =>
    actions.suspend(installationOf(login)),
  );
  command('unsuspend <account>', 'end the suspension', (login: string) =>
    actions.unsuspend(installationOf(login)),
  );
  command('rename <account> <login>', 'rename the account', (login: string, next: string) => {
    if (world.account(next)) throw new Error(`there is an account ${next} already`);
    actions.renameAccount(accountOf(login), next);
  });
  const memberOf = (login: string, user: string) => {
    const [organization, member] = [accountOf(login), accountOf(user)];
    if (organization.type !== 'Organization') throw new Error(`${login} is no organization`);
    return [organization, member] as const;
  };
  command('join <organization> <user>', 'become a member', (login: string, user: string) =>
    actions.addMember(...memberOf(login, user)),
  );
  command('leave <organization> <user>', 'be a member no more', (login: string, user: string) =>
    actions.removeMember(...memberOf(login, user)),
  );
  command('revoke <user>', 'withdraw what the user has authorized', (user: string) =>
    actions.revokeAuthorization(app, accountOf(user)),
  );
  command(
    'add <account> <repository>',
    'let the App reach a repository, which is made if there is none',
    (login: string, name: string) => {
      const installation = installationOf(login);
      const repository = namedOrNew(installation.account, name);
      if (!world.reached(installation).includes(repository))
        actions.addToSelection(installation, repository);
    },
  );
  command(
    'remove <account> <repository>',
    'let the App no longer reach it',
    (login: string, name: string) =>
      actions.removeFromSelection(installationOf(login), repositoryOf(login, name)),
  );
  command('privatize <account> <repository>', 'make it private', (login: string, name: string) =>
    actions.privatize(repositoryOf(login, name)),
  );
  command('publicize <account> <repository>', 'make it public', (login: string, name: string) =>
    actions.publicize(repositoryOf(login, name)),
  );
  command('list', 'show what is so at GitHub', () => {
    for (const account of world.accounts) lines.push(...describe(account, find(account)));
  });
  const describe = (account: Account, installation?: Installation) => {
    const reached = new Set(installation && world.reached(installation));
    const state = installation?.suspendedAt ? 'suspended' : 'installed';
    const members = [...world.membersOf(account)].map(({ login }) => login);
    return [
      `${account.login}: ${installation ? `${state}, ${installation.id}` : 'not installed'}`,
      ...(members.length > 0 ? [`  members: ${members.join(', ')}`] : []),
      ...world.repositoriesOf(account).map((repository) => {
        const { name, visibility } = repository;
        return `  ${name}, ${visibility}${reached.has(repository) ? '' : ', not selected'}`;
      }),
    ];
  };

  return async (line) => {
    const words = line.trim().split(/\s+/).filter(Boolean);
    const before = world.deliveries.log.length;
    try {
      const wrong = words.find((word) => !NAME.test(word));
      if (wrong) throw new Error(`${wrong} is no name: letters, digits, “-”, “_” and “.”`);
      if (words.length > 0) await program.parseAsync(words, { from: 'user' });
    } catch (error) {
      // Commander has printed its own.
      if (!(error instanceof CommanderError)) lines.push(`error: ${messageOf(error)}`);
    }
    await world.deliveries.settled();
    lines.push(...world.deliveries.log.slice(before).map(describeDelivery));
    return lines.splice(0).join('\n');
  };
}

function describeDelivery({ event, action, statusCode }: Delivery): string {
  return `${action === null ? event : `${event}.${action}`} → ${statusCode || 'no answer'}`;
}

function existing<Item>(item: Item | undefined, message: string): Item {
  if (item === undefined) throw new Error(`${message}: list shows what there is`);
  return item;
}
