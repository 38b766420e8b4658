import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type {
  Account,
  App,
  Installation,
  Repository,
} from '../../src/explore/demo-github/model.js';
import type { TestGithub } from './github.js';

/** One event of a history; the numbers choose among what there is then. */
export interface Step {
  name: string;
  one: number;
  other: number;
}

interface Scene {
  github: TestGithub;
  /** Two that hear of the same; the first is the server's. */
  apps: readonly [App, App];
}

export const pick = <Item>(items: readonly Item[], number: number): Item | undefined =>
  items[number % Math.max(1, items.length)];

/** All, or those that the bits of a number choose. */
const chosen = (repositories: readonly Repository[], number: number) =>
  number % 3 === 0 ? null : repositories.filter((_, index) => (number >> index) & 1);

type Act = (scene: Scene, one: number, other: number) => unknown;

const onInstallation =
  (
    act: (scene: Scene, installation: Installation, other: number) => unknown,
    fits: (installation: Installation) => boolean = () => true,
  ): Act =>
  (scene, one, other) => {
    const installation = pick([...scene.github.world.installations.values()].filter(fits), one);
    if (installation) act(scene, installation, other);
  };

const onRepository =
  (act: (scene: Scene, repository: Repository, other: number) => unknown): Act =>
  (scene, one, other) => {
    const repository = pick([...scene.github.world.repositories], one);
    if (repository) act(scene, repository, other);
  };

export const usersOf = (accounts: readonly Account[]) =>
  accounts.filter(({ type }) => type === 'User');

const onMembership =
  (act: (scene: Scene, organization: Account, person: Account) => unknown): Act =>
  (scene, one, other) => {
    const { accounts } = scene.github.world;
    const organization = pick(
      accounts.filter(({ type }) => type === 'Organization'),
      one,
    );
    const person = pick(usersOf(accounts), other);
    if (organization && person) act(scene, organization, person);
  };

const ACTS: Record<string, Act> = {
  install({ github: { world, actions }, apps }, one, other) {
    const account = pick(world.accounts, other);
    // The server's App more often.
    const app = one % 4 === 0 ? apps[1] : apps[0];
    // GitHub has at most one installation of an App on an account.
    if (!account || world.installationsOf(account).some((known) => known.app === app)) return;
    actions.install(app, account, chosen(world.repositoriesOf(account), one));
  },
  uninstall: onInstallation(({ github }, installation) => github.actions.uninstall(installation)),
  suspend: onInstallation(
    ({ github }, installation) => github.actions.suspend(installation),
    ({ suspendedAt }) => !suspendedAt,
  ),
  unsuspend: onInstallation(
    ({ github }, installation) => github.actions.unsuspend(installation),
    ({ suspendedAt }) => suspendedAt !== null,
  ),
  // Also while it is suspended: GitHub does not tell then.
  select: onInstallation(({ github: { world, actions } }, installation, other) => {
    const all = world.repositoriesOf(installation.account);
    const selected = chosen(all, other);
    // Of the same ones, by name instead of all, nothing is told: only a sync learns it.
    if (!isDeepStrictEqual(world.reached(installation), selected ?? all))
      actions.select(installation, selected);
  }),
  add: onInstallation(({ github: { world, actions } }, installation, other) => {
    const reached = world.reached(installation);
    const others = world
      .repositoriesOf(installation.account)
      .filter((one) => !reached.includes(one));
    const repository = pick(others, other);
    if (repository) actions.addToSelection(installation, repository);
  }),
  remove: onInstallation(({ github: { world, actions } }, installation, other) => {
    const repository = pick(world.reached(installation), other);
    if (repository) actions.removeFromSelection(installation, repository);
  }),
  acceptPermissions: onInstallation(({ github: { actions } }, installation, other) => {
    const { app } = installation;
    app.permissions = { ...app.permissions, issues: other % 2 ? 'read' : 'write' };
    actions.acceptPermissions(installation);
  }),
  renameAccount({ github: { world, actions } }, one) {
    const account = pick(world.accounts, one);
    if (account) actions.renameAccount(account, `renamed-${world.nextId()}`);
  },
  createRepository({ github: { world, actions } }, one, other) {
    const owner = pick(world.accounts, one);
    const visibility = other % 2 ? 'public' : 'private';
    if (owner) actions.createRepository(owner, { name: `new-${world.nextId()}`, visibility });
  },
  deleteRepository: onRepository(({ github }, repository) =>
    github.actions.deleteRepository(repository),
  ),
  renameRepository: onRepository(({ github: { world, actions } }, repository) =>
    actions.renameRepository(repository, `renamed-${world.nextId()}`),
  ),
  transferRepository: onRepository(({ github: { world, actions } }, repository, other) => {
    const owner = pick(
      world.accounts.filter((account) => account !== repository.owner),
      other,
    );
    if (owner) actions.transferRepository(repository, owner);
  }),
  changeVisibility: onRepository(({ github: { actions } }, repository) =>
    repository.visibility === 'public'
      ? actions.privatize(repository)
      : actions.publicize(repository),
  ),
  setArchived: onRepository(({ github }, repository) =>
    github.actions.setArchived(repository, !repository.archived),
  ),
  join: onMembership(({ github: { world, actions } }, organization, person) => {
    if (!world.membersOf(organization).has(person)) actions.addMember(organization, person);
  }),
  leave: onMembership(({ github: { world, actions } }, organization, person) => {
    if (world.membersOf(organization).has(person)) actions.removeMember(organization, person);
  }),
  // GitHub tells nobody of these two.
  share: onRepository(({ github: { world } }, repository, other) => {
    const person = pick(usersOf(world.accounts), other);
    if (person) repository.readers = new Set([...(repository.readers ?? []), person]);
  }),
  unshare: onRepository((_scene, repository) => {
    repository.readers = null;
  }),
  revoke({ github: { world, actions, app } }, one) {
    const person = pick(usersOf(world.accounts), one);
    if (person) actions.revokeAuthorization(app, person);
  },
  edit: onRepository(({ github: { world, actions } }, repository) =>
    actions.editRepository(repository, { description: `edited ${world.nextId()}` }),
  ),
};

/** What people do at GitHub. @returns whether it is one of these */
export function act(scene: Scene, { name, one, other }: Step): boolean {
  ACTS[name]?.(scene, one, other);
  return name in ACTS;
}

/** Each name of `others` as often as it says, for 200 actions of people. */
export function histories(others: Record<string, number>): fc.Arbitrary<Step[]> {
  const acts = Object.keys(ACTS);
  const numbers = { one: fc.nat(1023), other: fc.nat(1023) };
  const step = fc.oneof(
    { weight: 200, arbitrary: fc.record({ name: fc.constantFrom(...acts), ...numbers }) },
    ...Object.entries(others).map(([name, weight]) => ({
      weight,
      arbitrary: fc.record({ name: fc.constant(name), ...numbers }),
    })),
  );
  return fc.array(step, { minLength: 1, maxLength: 40, size: 'max' });
}
