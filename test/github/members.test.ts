import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { IsNull, Not } from 'typeorm';
import { AppState } from '../../src/github/app-state.entity.js';
import { GithubMemberList } from '../../src/grants/member-list.entity.js';
import { until } from '../cli/process.js';
import { type ConnectScene, type Person, useConnectScene } from '../helpers/connect.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { GRANTS } from '../helpers/grants.js';
import { json } from '../helpers/server.js';

const LISTING = { metadata: 'read', members: 'read' };

describeOnEachDatabase('Members of an organization', (kind) => {
  const scene = useConnectScene(kind);

  /** A user whose account is known, as a session tells it. */
  async function begin(): Promise<Person> {
    scene().github.app.permissions = LISTING;
    const me = await scene().person();
    await scene().server.database.dataSource.transaction((manager) =>
      GRANTS.see(manager, me.userId, { id: String(me.github.id), login: null }),
    );
    return me;
  }
  const listed = (accountId: number) =>
    until(async () => {
      const { manager } = scene().server.database.dataSource;
      const list = await manager.findOneBy(GithubMemberList, { accountId: String(accountId) });
      return list?.listedAt !== null && list?.dueAt === null;
    });
  /** As when GitHub is asked about the installation after more than an hour. */
  async function listAgain({ sql }: ConnectScene, accountId: number): Promise<void> {
    await sql(
      "UPDATE github_member_list SET listed_at = listed_at - interval '1 day', due_at = now() WHERE account_id = $1",
      [accountId],
    );
    await listed(accountId);
  }

  test('see it without connecting, however many there are', async () => {
    const me = await begin();
    scene().github.world.longestPage = 2;
    const others = Array.from({ length: 4 }, (_, n) =>
      scene().github.world.addAccount(`other-${me.userId}-${n}`, 'User'),
    );
    const { id, account } = await scene().organization(...others, me.github);
    await listed(account.id);
    scene().github.world.longestPage = 100;
    expect(await scene().listOf(me)).toEqual([String(id)]);
    const query = '{ viewer { installations { evidence { kind expiresAt } } } }';
    const { data } = await json(await scene().server.graphql({ query }, { as: me.userId }));
    expect(data.viewer.installations).toEqual([
      { evidence: [{ kind: 'MEMBERSHIP', expiresAt: null }] },
    ]);
  });

  test('hold up no proof that ends, while GitHub does not answer', async () => {
    const { github, organization, connect, person, listOf, sql } = scene();
    const me = await person();
    const one = await organization(me.github);
    await connect(me);
    expect(await listOf(me)).toEqual([String(one.id)]);
    let asked = 0;
    github.fault(({ path }) => {
      if (!path.endsWith('/members')) return undefined;
      asked += 1;
      return { delay: 10_000 };
    });
    await begin();
    await scene().organization();
    await until(() => asked > 0);
    const end = "now() - interval '1 second'";
    await sql(`UPDATE github_grant SET expires_at = ${end} WHERE user_id = $1`, [me.userId]);
    await sql(`UPDATE github_link SET ends_at = ${end} WHERE user_id = $1`, [me.userId]);
    await until(async () => (await listOf(me)).length === 0, 4_000);
    github.fault(null);
  });

  test('who have left without an event do not see it after the next list, whatever they proved', async () => {
    const me = await begin();
    const { account } = await scene().organization(me.github);
    await listed(account.id);
    await scene().connect(me);
    scene().github.world.membersOf(account).delete(me.github);
    await listAgain(scene(), account.id);
    expect(await scene().listOf(me)).toEqual([]);
  });

  test('who have left while it was suspended do not see it when it is back', async () => {
    const me = await begin();
    const { github, organization, connect, listOf } = scene();
    const { actions, world } = github;
    const one = await organization(me.github);
    await listed(one.account.id);
    await connect(me);
    actions.suspend(one);
    await world.deliveries.settled();
    actions.removeMember(one.account, me.github);
    expect(await listOf(me)).toEqual([String(one.id)]);
    actions.unsuspend(one);
    await world.deliveries.settled();
    await until(async () => (await listOf(me)).length === 0);
  });

  test('are not taken for former ones where the permission is missing', async () => {
    const me = await begin();
    const installation = await scene().organization(me.github);
    const { account } = installation;
    await listed(account.id);
    scene().github.app.permissions = { metadata: 'read' };
    scene().github.actions.acceptPermissions(installation);
    await scene().github.world.deliveries.settled();
    scene().github.world.membersOf(account).delete(me.github);
    await scene().sql('UPDATE github_member_list SET due_at = now() WHERE account_id = $1', [
      account.id,
    ]);
    await until(async () => {
      const [row] = await scene().sql<{ is_later: boolean }>(
        "SELECT due_at = 'infinity' AS is_later FROM github_member_list WHERE account_id = $1",
        [account.id],
      );
      return row?.is_later === true;
    });
    expect(await scene().listOf(me)).toEqual([String(installation.id)]);
    // It lasts as a proof would.
    const query = '{ viewer { installations { evidence { expiresAt } } } }';
    const { data } = await json(await scene().server.graphql({ query }, { as: me.userId }));
    expect(data.viewer.installations[0].evidence).toEqual([{ expiresAt: expect.any(String) }]);
  });

  test('who leave while they are listed are gone', async () => {
    const me = await begin();
    const { account } = await scene().organization(me.github);
    await listed(account.id);
    const { github } = scene();
    let isFirst = true;
    github.fault(async ({ path }) => {
      if (!path.endsWith('/members') || !isFirst) return undefined;
      isFirst = false;
      // The answer still has the member.
      return {
        change: (members) => {
          github.actions.removeMember(account, me.github);
          return members;
        },
        late: 300,
      };
    });
    await listAgain(scene(), account.id);
    await github.world.deliveries.settled();
    await listed(account.id);
    expect(await scene().listOf(me)).toEqual([]);
  });
});

describeOnEachDatabase('Members of many organizations', (kind) => {
  // Of its own, as GitHub is left alone for a minute afterwards.
  const scene = useConnectScene(kind);

  test('are not asked for, organization by organization, while GitHub refuses the key', async () => {
    const { github, sql } = scene();
    const { world, actions, app } = github;
    github.app.permissions = LISTING;
    const { manager } = scene().server.database.dataSource;
    await until(() => manager.existsBy(AppState, { syncedAt: Not(IsNull()) }));
    let refused = 0;
    github.fault(({ path }) => {
      if (!path.startsWith('/app')) return undefined;
      // Refetches and syncs end before they ask for a token.
      if (path.endsWith('/access_tokens')) refused += 1;
      return { status: 401 };
    });
    for (let n = 0; n < 30; n++) {
      const { account } = actions.install(app, world.addAccount(`refused-${randomUUID()}`));
      await world.deliveries.settled();
      await sql('INSERT INTO github_member_list (account_id, due_at) VALUES ($1, now())', [
        account.id,
      ]);
    }
    await until(() => refused > 0);
    await sleep(2_500);
    github.fault(null);
    expect(refused).toBe(1);
  });
});
