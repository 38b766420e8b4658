import {
  accountJson,
  installationReference,
  organizationJson,
  repositoryJson,
  SENDER,
} from './json.js';
import type { Account, Installation, Repository } from './model.js';
import { tellOfSelection } from './selection.js';
import type { World } from './world.js';

/** Settings of a repository whose change is an `edited` event. */
type Settings = Partial<Pick<Repository, 'description' | 'homepage' | 'defaultBranch'>>;

/** What people do with repositories. */
export function repositoryActions(world: World) {
  const { deliveries } = world;

  const payloadOf = (repository: Repository) => (installation: Installation) => ({
    repository: repositoryJson(repository),
    ...(repository.owner.type === 'Organization' && {
      organization: organizationJson(repository.owner),
    }),
    sender: accountJson(SENDER),
    installation: installationReference(installation),
  });

  const tell = (
    repository: Repository,
    action: string,
    changes?: object,
    installations = world.reaching(repository),
  ) => {
    const rest = payloadOf(repository);
    deliveries.emit('repository', installations, (installation) => ({
      action,
      ...(changes && { changes }),
      ...rest(installation),
    }));
  };

  const change = (repository: Repository, changes: Partial<Repository>) =>
    Object.assign(repository, changes, { updatedAt: world.now() });

  /** Takes it out of all selections. @returns the installations that reached it */
  const leave = (repository: Repository) => {
    const installations = world.reaching(repository);
    for (const { selected } of installations) selected?.delete(repository);
    return installations;
  };

  return {
    createRepository(
      owner: Account,
      settings: Partial<Repository> & Pick<Repository, 'name'>,
    ): Repository {
      const now = world.now();
      const repository: Repository = {
        id: world.nextId(),
        owner,
        visibility: 'public',
        readers: null,
        archived: false,
        description: null,
        homepage: null,
        language: 'TypeScript',
        license: { key: 'mit', name: 'MIT License', spdx_id: 'MIT' },
        fork: false,
        isTemplate: false,
        disabled: false,
        defaultBranch: 'main',
        size: 108,
        createdAt: now,
        updatedAt: now,
        pushedAt: now,
        ...settings,
      };
      world.repositories.add(repository);
      tell(repository, 'created');
      tellOfSelection(world, world.reaching(repository), 'added', [repository]);
      return repository;
    },

    deleteRepository(repository: Repository) {
      const installations = leave(repository);
      world.repositories.delete(repository);
      tellOfSelection(world, installations, 'removed', [repository]);
      tell(repository, 'deleted', undefined, installations);
    },

    renameRepository(repository: Repository, name: string) {
      const from = repository.name;
      change(repository, { name });
      tell(repository, 'renamed', { repository: { name: { from } } });
    },

    /** Only an installation on all repositories of the new owner reaches it then. */
    transferRepository(repository: Repository, owner: Account) {
      const kind = repository.owner.type === 'Organization' ? 'organization' : 'user';
      const from = { [kind]: accountJson(repository.owner) };
      const installations = leave(repository);
      change(repository, { owner });
      tellOfSelection(world, installations, 'removed', [repository]);
      tellOfSelection(world, world.reaching(repository), 'added', [repository]);
      tell(repository, 'transferred', { owner: { from } });
    },

    privatize(repository: Repository) {
      change(repository, { visibility: 'private' });
      tell(repository, 'privatized');
    },

    publicize(repository: Repository) {
      change(repository, { visibility: 'public' });
      tell(repository, 'publicized');
      deliveries.emit('public', world.reaching(repository), payloadOf(repository));
    },

    setArchived(repository: Repository, archived: boolean) {
      change(repository, { archived });
      tell(repository, archived ? 'archived' : 'unarchived');
    },

    editRepository(repository: Repository, settings: Settings) {
      const changes = Object.fromEntries(
        Object.keys(settings).map((name) => [name, { from: repository[name as keyof Settings] }]),
      );
      change(repository, settings);
      tell(repository, 'edited', changes);
    },
  };
}
