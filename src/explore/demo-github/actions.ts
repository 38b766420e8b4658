import {
  accountJson,
  installationJson,
  installationReference,
  organizationJson,
  repositoryReference,
  SENDER,
} from './json.js';
import type { Account, App, Installation, Repository } from './model.js';
import { repositoryActions } from './repository-actions.js';
import { tellOfSelection } from './selection.js';
import type { World } from './world.js';

/** What people do at GitHub: it changes the state, and the Apps hear of it. */
export function actionsOn(world: World) {
  const { deliveries } = world;
  const sender = accountJson(SENDER);

  const tell = (installation: Installation, action: string, more: object = {}) =>
    deliveries.emit('installation', [installation], () => ({
      action,
      installation: installationJson(installation),
      sender,
      ...more,
    }));

  const changeSelection = (installation: Installation, selected: Set<Repository> | null) => {
    const before = world.reached(installation);
    Object.assign(installation, { selected, updatedAt: world.now() });
    const after = world.reached(installation);
    const without = (list: Repository[], others: Repository[]) =>
      list.filter((repository) => !others.includes(repository));
    tellOfSelection(world, [installation], 'added', without(after, before));
    tellOfSelection(world, [installation], 'removed', without(before, after));
  };

  const tellOfMember = (organization: Account, user: Account, action: string) =>
    deliveries.emit('organization', world.installationsOf(organization), (installation) => ({
      action,
      membership: { role: 'member', state: 'active', user: accountJson(user) },
      organization: organizationJson(organization),
      installation: installationReference(installation),
      sender,
    }));

  return {
    ...repositoryActions(world),

    /** @param repositories `null`: all of the account, later ones too */
    install(
      app: App,
      account: Account,
      repositories: readonly Repository[] | null = null,
      people: { by?: Account; requestedBy?: Account } = {},
    ) {
      const installation: Installation = {
        id: world.nextId(),
        app,
        account,
        selected: repositories && new Set(repositories),
        permissions: app.permissions,
        events: app.events,
        createdAt: world.now(),
        updatedAt: world.now(),
        suspendedAt: null,
      };
      world.installations.set(installation.id, installation);
      const references = world.reached(installation).map(repositoryReference);
      const { by, requestedBy } = people;
      world.endRequests(app, account);
      tell(installation, 'created', {
        repositories: references,
        requester: requestedBy ? accountJson(requestedBy) : null,
        ...(by && { sender: accountJson(by) }),
      });
      return installation;
    },

    uninstall(installation: Installation) {
      world.installations.delete(installation.id);
      tell(installation, 'deleted', {
        repositories: world.reached(installation).map(repositoryReference),
      });
    },

    suspend(installation: Installation) {
      const now = world.now();
      Object.assign(installation, { suspendedAt: now, updatedAt: now });
      tell(installation, 'suspend');
    },

    /** `updated_at` stays that of the suspension, as at GitHub. */
    unsuspend(installation: Installation) {
      installation.suspendedAt = null;
      tell(installation, 'unsuspend');
    },

    acceptPermissions(installation: Installation) {
      const { permissions, events } = installation.app;
      Object.assign(installation, { permissions, events, updatedAt: world.now() });
      tell(installation, 'new_permissions_accepted');
    },

    /** @param repositories `null`: all of the account */
    select: (installation: Installation, repositories: readonly Repository[] | null) =>
      changeSelection(installation, repositories && new Set(repositories)),

    addToSelection: (installation: Installation, repository: Repository) =>
      changeSelection(installation, new Set(world.reached(installation)).add(repository)),

    removeFromSelection(installation: Installation, repository: Repository) {
      const selected = new Set(world.reached(installation));
      selected.delete(repository);
      changeSelection(installation, selected);
    },

    renameAccount(account: Account, login: string) {
      const changes = { login: { from: account.login } };
      account.login = login;
      const installations = world.installationsOf(account);
      deliveries.emit('installation_target', installations, (installation) => ({
        action: 'renamed',
        account: accountJson(account),
        changes,
        target_type: account.type,
        installation: installationReference(installation),
        sender,
      }));
      if (account.type !== 'Organization') return;
      deliveries.emit('organization', installations, (installation) => ({
        action: 'renamed',
        changes,
        organization: organizationJson(account),
        installation: installationReference(installation),
        sender,
      }));
    },

    /** A user withdraws what the App may do in the user's name. */
    revokeAuthorization(app: App, user: Account) {
      for (const [text, token] of world.userTokens)
        if (token.app === app && token.user === user) world.userTokens.delete(text);
      deliveries.tell(app, 'github_app_authorization', {
        action: 'revoked',
        sender: accountJson(user),
      });
    },

    /** Somebody joins an organization. */
    addMember(organization: Account, user: Account) {
      world.membersOf(organization).add(user);
      tellOfMember(organization, user, 'member_added');
    },

    removeMember(organization: Account, user: Account) {
      world.membersOf(organization).delete(user);
      tellOfMember(organization, user, 'member_removed');
    },

    /** A member asks the owners of an organization to install the App: GitHub tells nobody. */
    request(app: App, account: Account, requester: Account) {
      const request = { id: world.nextId(), app, account, requester, createdAt: world.now() };
      world.requests.push(request);
      return request;
    },

    ping: (app: App) =>
      deliveries.tell(app, 'ping', {
        zen: 'Keep it logically awesome.',
        hook_id: app.id,
        hook: { type: 'App', id: app.id, active: true, events: app.events, app_id: app.id },
      }),
  };
}

export type Actions = ReturnType<typeof actionsOn>;
