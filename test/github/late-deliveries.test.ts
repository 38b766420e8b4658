import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from '@jest/globals';
import type { Delivery } from '../../src/explore/demo-github/deliveries.js';
import type { Account, Installation, Repository } from '../../src/explore/demo-github/model.js';
import { until } from '../cli/process.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { useGithub, useGithubAndServer } from '../helpers/github.js';
import { json, type TestServer, useServer } from '../helpers/server.js';
import { APP_ID, acceptsDeliveries, deliver, WEBHOOKS_ALONE } from '../helpers/webhooks.js';

/** What is stored of an installation, without times of ours. */
async function storedOf({ sql }: TestServer, { id }: Installation) {
  const [fact] = await sql<any>(
    `SELECT account_login AS login, suspended_at IS NOT NULL AS suspended, deleted_at IS NOT NULL AS deleted,
       permissions, repository_selection AS selection
     FROM github_fact_installation WHERE id = $1`,
    [id],
  );
  const repositories = await sql<any>(
    `SELECT owner, name, is_private AS private, is_archived AS archived, description
     FROM github_fact_repository WHERE installation_id = $1 ORDER BY id`,
    [id],
  );
  return { ...fact, repositories };
}

describeOnEachDatabase('Deliveries that are late, without a key', (kind) => {
  const github = useGithub();
  const server = useServer(kind, WEBHOOKS_ALONE);
  let clock = Date.parse('2026-01-01T00:00:00Z');
  beforeAll(async () => {
    await acceptsDeliveries(server());
    // GitHub's times have whole seconds: nothing below happens twice in one.
    github().world.now = () => new Date(clock);
    github().app.webhook = { url: server().url, secret: '' };
    github().hold();
  });

  /** Does something at GitHub. @returns what it delivers */
  function happens(what: () => void): Delivery[] {
    clock += 5_000;
    what();
    return github()
      .held.splice(0)
      .map(({ delivery }) => delivery);
  }

  /** As new, so that it is not known already. */
  async function send({ event, body }: Delivery): Promise<void> {
    const response = await deliver(server(), { event, body, guid: randomUUID() });
    expect(await json(response)).toEqual({ outcome: 'applied' });
  }
  const arrives = async (deliveries: Delivery[]) => {
    for (const delivery of deliveries) await send(delivery);
  };

  let accounts = 0;
  function newAccount(repositories: number): { account: Account; repositories: Repository[] } {
    accounts += 1;
    const account = github().world.addAccount(`late-${accounts}`);
    const create = (_: unknown, index: number) =>
      github().actions.createRepository(account, { name: `repository-${index}` });
    return { account, repositories: Array.from({ length: repositories }, create) };
  }

  /** Each kind of event, and its opposite. */
  function history(): { installation: Installation; steps: [string, () => void][] } {
    const { actions, app } = github();
    const { account, repositories } = newAccount(3);
    const [first, second, third] = repositories as [Repository, Repository, Repository];
    clock += 5_000;
    const installation = actions.install(app, account, [first, second]);
    const permissions = { metadata: 'read', checks: 'write' };
    const steps: [string, () => void][] = [
      ['added', () => actions.addToSelection(installation, third)],
      ['suspend', () => actions.suspend(installation)],
      ['unsuspend', () => actions.unsuspend(installation)],
      ['renamed', () => actions.renameRepository(first, 'renamed')],
      ['privatized', () => actions.privatize(first)],
      ['edited', () => actions.editRepository(first, { description: 'other' })],
      ['publicized', () => actions.publicize(second)],
      ['privatized again', () => actions.privatize(second)],
      ['archived', () => actions.setArchived(third, true)],
      ['unarchived', () => actions.setArchived(third, false)],
      ['account renamed', () => actions.renameAccount(account, `${account.login}-renamed`)],
      [
        'permissions',
        () => {
          Object.assign(app, { permissions });
          actions.acceptPermissions(installation);
        },
      ],
      ['removed', () => actions.removeFromSelection(installation, third)],
      ['suspended again', () => actions.suspend(installation)],
    ];
    return { installation, steps };
  }
  /** These hide at once, however late they are: what is newer does not contradict them. */
  const HIDING = ['suspend'];

  test('change nothing that a later one has changed: each kind after each other', async () => {
    const { installation, steps } = history();
    const before = happens(() => {});
    await arrives(before);
    const past = before.filter(({ installationId }) => installationId === installation.id);
    expect(past).toHaveLength(1);
    const states = [];
    for (const [name, step] of steps) {
      const deliveries = happens(step);
      expect([name, deliveries.length > 0]).toEqual([name, true]);
      await arrives(deliveries);
      const state = await storedOf(server(), installation);
      states.push(state);
      for (const late of past) {
        await send(late);
        expect([name, late.event, late.action, await storedOf(server(), installation)]).toEqual([
          name,
          late.event,
          late.action,
          state,
        ]);
      }
      past.push(...deliveries.filter(({ action }) => !HIDING.includes(action ?? '')));
    }
    expect(states.at(-1)).toEqual({
      login: expect.stringMatching(/-renamed$/),
      suspended: true,
      deleted: false,
      permissions: { metadata: 'read', checks: 'write' },
      selection: 'selected',
      repositories: [
        expect.objectContaining({ name: 'renamed', private: true, description: 'other' }),
        expect.objectContaining({ name: 'repository-1', private: true }),
      ],
    });
    const end = happens(() => github().actions.uninstall(installation));
    await arrives(end);
    const gone = await storedOf(server(), installation);
    expect(gone).toMatchObject({ deleted: true, repositories: [] });
    for (const late of [...past, ...end]) {
      await send(late);
      expect([late.event, late.action, await storedOf(server(), installation)]).toEqual([
        late.event,
        late.action,
        gone,
      ]);
    }
  }, 60_000);

  test('and come before the first one are not undone by it', async () => {
    const { actions, app } = github();
    const { account, repositories } = newAccount(1);
    happens(() => {});
    let installation = {} as Installation;
    const created = happens(() => {
      installation = actions.install(app, account);
    });
    const suspended = happens(() => actions.suspend(installation));
    await arrives([...suspended, ...created]);
    expect(await storedOf(server(), installation)).toMatchObject({ suspended: true });
    const deleted = happens(() => actions.uninstall(installation));
    expect(repositories).toHaveLength(1);
    const other = happens(() => {
      installation = actions.install(app, account);
    });
    const ended = happens(() => actions.uninstall(installation));
    await arrives([...ended, ...other, ...deleted]);
    expect(await storedOf(server(), installation)).toMatchObject({
      deleted: true,
      repositories: [],
    });
  });

  test.each([false, true])(
    'move a repository to the installation that has it now, reversed: %s',
    async (isReversed) => {
      const { actions, app } = github();
      const [from, to] = [newAccount(2), newAccount(0)];
      const installed: Installation[] = [];
      await arrives(
        happens(() => {
          installed.push(actions.install(app, from.account), actions.install(app, to.account));
        }).filter(({ event }) => event === 'installation'),
      );
      const [older, newer] = installed as [Installation, Installation];
      const moved = happens(() =>
        actions.transferRepository(from.repositories[0] as Repository, to.account),
      );
      expect(moved.map(({ action }) => action)).toEqual(['removed', 'added', 'transferred']);
      await arrives(isReversed ? moved.reverse() : moved);
      const namesOf = async (installation: Installation) =>
        (await storedOf(server(), installation)).repositories.map(({ name }: any) => name);
      expect(await namesOf(older)).toEqual(['repository-1']);
      expect(await namesOf(newer)).toEqual(['repository-0']);
    },
  );

  test('of a repository that is not in the selection add none', async () => {
    const { actions, app } = github();
    const { account, repositories } = newAccount(2);
    const [chosen, other] = repositories as [Repository, Repository];
    let installation = {} as Installation;
    await arrives(
      happens(() => {
        installation = actions.install(app, account, [chosen]);
      }).filter(({ event }) => event === 'installation'),
    );
    const [edited] = happens(() => actions.editRepository(chosen, { description: 'x' }));
    for (const [event, action] of [
      ['repository', 'created'],
      ['repository', 'edited'],
      ['repository', 'publicized'],
      ['public', null],
    ]) {
      const payload = JSON.parse(edited?.body ?? '');
      Object.assign(payload, { action: action ?? undefined });
      Object.assign(payload.repository, { id: other.id, name: other.name });
      await deliver(server(), { event: event as string, payload });
    }
    expect((await storedOf(server(), installation)).repositories).toHaveLength(1);
    expect(
      await server().sql('SELECT FROM github_fact_repository WHERE id = $1', [other.id]),
    ).toEqual([]);
  });

  test('mark the installation, and leave rows of users as they are until it is uninstalled', async () => {
    const { actions, app } = github();
    const { account } = newAccount(0);
    let installation = {} as Installation;
    await arrives(
      happens(() => {
        installation = actions.install(app, account);
      }),
    );
    const userId = await server().addUser([String(installation.id)]);
    const rows = () =>
      server().sql('SELECT * FROM github_app_installation WHERE neptun_user_id = $1', [userId]);
    const before = await rows();
    const unmark = 'UPDATE github_fact_installation SET dirty_since = NULL WHERE id = $1';
    const marked =
      'SELECT dirty_since IS NOT NULL AS is FROM github_fact_installation WHERE id = $1';
    await server().sql(unmark, [installation.id]);
    const payload = { action: 'deleted', installation: { id: installation.id } };
    expect((await deliver(server(), { event: 'organization', payload })).status).toBe(200);
    expect(await server().sql(marked, [installation.id])).toEqual([{ is: true }]);
    expect(await rows()).toEqual(before);
    await arrives(happens(() => actions.uninstall(installation)));
    expect(await server().sql(marked, [installation.id])).toEqual([{ is: false }]);
    expect(await rows()).toEqual([]);
  });
});

describeOnEachDatabase('Deliveries with a key', (kind) => {
  const both = useGithubAndServer(kind);

  test('hide at once, and reveal after GitHub was asked', async () => {
    const { github, server } = both();
    const { actions, world, app } = github;
    const account = world.addAccount('keyed');
    const [shown, hidden] = ['shown', 'hidden'].map((name) =>
      actions.createRepository(account, { name }),
    ) as [Repository, Repository];
    await world.deliveries.settled();
    const state = () => storedOf(server, installation);
    const clean = async () => {
      await world.deliveries.settled();
      await until(async () => {
        const [row] = await server.sql<any>(
          'SELECT dirty_since FROM github_fact_installation WHERE id = $1',
          [installation.id],
        );
        return row?.dirty_since === null;
      });
    };
    // GitHub's API is away: what is revealed has to wait.
    const away = () => github.fault(() => ({ status: 404, message: 'Not Found' }));
    away();
    const installation = actions.install(app, account);
    await world.deliveries.settled();
    expect(await state()).toMatchObject({ login: 'keyed', repositories: [] });
    github.fault(null);
    await clean();
    expect((await state()).repositories).toHaveLength(2);
    away();
    actions.privatize(hidden);
    actions.suspend(installation);
    await world.deliveries.settled();
    expect(await state()).toMatchObject({ suspended: true });
    expect((await state()).repositories.map((row: any) => row.private)).toEqual([false, true]);
    actions.unsuspend(installation);
    await world.deliveries.settled();
    actions.publicize(hidden);
    actions.removeFromSelection(installation, shown);
    await world.deliveries.settled();
    expect(await state()).toMatchObject({
      suspended: true,
      repositories: [{ name: 'hidden', private: true }],
    });
    github.fault(null);
    await clean();
    expect(await state()).toMatchObject({
      suspended: false,
      repositories: [{ name: 'hidden', private: false }],
    });
    expect(APP_ID).toBe(String(app.id));
  });
});
