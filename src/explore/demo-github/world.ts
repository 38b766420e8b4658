import { randomUUID } from 'node:crypto';
import { Deliveries } from './deliveries.js';
import { SENDER } from './json.js';
import type {
  Account,
  App,
  Installation,
  InstallationRequest,
  Repository,
  UserToken,
} from './model.js';

/** What is so at GitHub: the true state that its API shows, and its actions change. */
export class World {
  readonly apps: App[] = [];
  readonly accounts: Account[] = [];
  readonly repositories = new Set<Repository>();
  readonly installations = new Map<number, Installation>();
  requests: InstallationRequest[] = [];
  readonly #members = new Map<Account, Set<Account>>();
  readonly deliveries: Deliveries;
  /** Who is signed in at GitHub in every browser; `null`: each browser chooses. */
  signedIn: Account | null = null;
  /** With them, an App acts in the name of a user. */
  readonly userTokens = new Map<string, UserToken>();
  /** Of tests, which go ahead in time. */
  now: () => Date = () => new Date();
  /** Items of a page at most; tests need fewer for several pages. */
  longestPage = 100;
  #lastId: number;

  constructor(firstId: number) {
    this.#lastId = firstId;
    this.deliveries = new Deliveries(() => this.now());
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  addApp(app: Partial<App> & Pick<App, 'publicKey'>): App {
    const id = app.id ?? 1_000_001 + this.apps.length;
    const added: App = {
      id,
      slug: `demo-app-${id}`,
      name: `Demo App ${id}`,
      clientId: `Iv23li${id}`,
      clientSecret: randomUUID(),
      permissions: { metadata: 'read', members: 'read' },
      events: ['installation_target', 'meta', 'organization', 'public', 'repository'],
      owner: SENDER,
      webhook: null,
      ...app,
    };
    this.apps.push(added);
    return added;
  }

  addAccount(login: string, type: Account['type'] = 'Organization'): Account {
    const account = { id: this.nextId(), login, type };
    this.accounts.push(account);
    return account;
  }

  /** By its present login. */
  account(login: string): Account | undefined {
    return this.accounts.find((account) => account.login === login);
  }

  repositoriesOf(owner: Account): Repository[] {
    return [...this.repositories].filter((repository) => repository.owner === owner);
  }

  /** In the order of their ids, as GitHub lists them. */
  installationsOf(of: App | Account): Installation[] {
    return [...this.installations.values()].filter(
      ({ app, account }) => app === of || account === of,
    );
  }

  reached({ account, selected }: Installation): Repository[] {
    const all = this.repositoriesOf(account);
    return selected ? all.filter((repository) => selected.has(repository)) : all;
  }

  /** Of an organization. */
  membersOf(organization: Account): Set<Account> {
    const members = this.#members.get(organization) ?? new Set();
    this.#members.set(organization, members);
    return members;
  }

  /** Those of an installation that GitHub lists to a user. */
  readableBy(user: Account, installation: Installation): Repository[] {
    const { account } = installation;
    const isInside = account === user || this.membersOf(account).has(user);
    return this.reached(installation).filter(
      ({ visibility, readers }) =>
        visibility === 'public' || (readers ? readers.has(user) : isInside),
    );
  }

  /** The user has more than a stranger in its account, or in one of its repositories. */
  isOpenTo(user: Account, installation: Installation): boolean {
    const { account } = installation;
    return (
      account === user ||
      this.membersOf(account).has(user) ||
      this.reached(installation).some(({ readers }) => readers?.has(user))
    );
  }

  /** An owner has answered. */
  endRequests(app: App, account: Account): void {
    this.requests = this.requests.filter(
      (request) => request.app !== app || request.account !== account,
    );
  }

  /** Those that hear of a repository. */
  reaching(repository: Repository): Installation[] {
    return this.installationsOf(repository.owner).filter(
      ({ selected }) => !selected || selected.has(repository),
    );
  }
}
