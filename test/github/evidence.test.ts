import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { SENDER } from '../../src/explore/demo-github/json.js';
import type { Account, Installation } from '../../src/explore/demo-github/model.js';
import { GithubGrant } from '../../src/grants/grant.entity.js';
import { Grants } from '../../src/grants/grants.js';
import { until } from '../cli/process.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { useGithubAndServer } from '../helpers/github.js';
import { GRANTS } from '../helpers/grants.js';

describeOnEachDatabase('What a user sees rests on evidence:', (kind) => {
  const scene = useGithubAndServer(kind);
  const sql = <Row = any>(text: string, values?: unknown[]) =>
    scene().server.sql<Row>(text, values);
  const settled = () => scene().github.world.deliveries.settled();

  async function addUser(): Promise<string> {
    const id = randomUUID();
    await sql('INSERT INTO neptun_user (id) VALUES ($1)', [id]);
    return id;
  }

  async function bind(userId: string, { id }: Account): Promise<void> {
    await scene().server.database.dataSource.transaction((manager) =>
      GRANTS.see(manager, userId, { id: String(id), login: null }),
    );
  }

  async function seenBy(userId: string): Promise<string[]> {
    const rows = await sql(
      'SELECT github_installation_id::text AS id FROM github_app_installation WHERE neptun_user_id = $1 ORDER BY 1',
      [userId],
    );
    return rows.map(({ id }) => id);
  }
  const ids = (...installations: Installation[]) =>
    installations.map(({ id }) => String(id)).sort();

  test('the owner of the personal account that has installed the App', async () => {
    const { world, actions } = scene().github;
    const user = await addUser();
    const other = await addUser();
    const account = world.addAccount(`person-${randomUUID()}`, 'User');
    await bind(user, account);
    const installation = actions.install(scene().github.app, account);
    await settled();
    expect(await seenBy(user)).toEqual(ids(installation));
    expect(await seenBy(other)).toEqual([]);
    actions.uninstall(installation);
    await settled();
    expect(await seenBy(user)).toEqual([]);
  });

  test('the signed sender, whose account becomes known after the installation', async () => {
    const { world, actions, app } = scene().github;
    const account = world.addAccount(`org-${randomUUID()}`);
    const installation = actions.install(app, account);
    await settled();
    const user = await addUser();
    expect(await seenBy(user)).toEqual([]);
    await bind(user, SENDER);
    expect(await seenBy(user)).toContain(String(installation.id));
  });

  test('a foreign row stays as it is, whatever the evidence says', async () => {
    const { world, actions, app } = scene().github;
    const user = await addUser();
    const account = world.addAccount(`org-${randomUUID()}`);
    const installation = actions.install(app, account);
    await settled();
    await sql(
      'INSERT INTO github_app_installation (neptun_user_id, github_installation_id) VALUES ($1, $2)',
      [user, installation.id],
    );
    await bind(user, world.addAccount(`person-${randomUUID()}`, 'User'));
    expect(await seenBy(user)).toEqual(ids(installation));
    actions.uninstall(installation);
    await settled();
    await until(async () => (await seenBy(user)).length === 0);
  });

  test('proofs of a thousand users that end at once hide what they showed at once', async () => {
    // Nothing else concerns it.
    const id = scene().github.world.nextId();
    const name = `many-${randomUUID()}-`;
    const users = `SELECT '${name}' || n FROM generate_series(1, 1000) n`;
    const past = "now() - interval '1 second'";
    await sql(`INSERT INTO neptun_user (id) ${users}`);
    await sql(
      `INSERT INTO github_app_installation (neptun_user_id, github_installation_id)
      SELECT id, ${id} FROM (${users}) u (id)`,
    );
    await sql(
      `INSERT INTO github_grant (user_id, installation_id, kind, proved_at, expires_at, repository_ids)
      SELECT id, ${id}, 'own_proof', ${past}, ${past}, '{}' FROM (${users}) u (id)`,
    );
    const rows = `FROM github_app_installation WHERE github_installation_id = ${id}`;
    await sql(
      `INSERT INTO github_link (user_id, installation_id, row_id, ends_at)
      SELECT neptun_user_id, ${id}, id, ${past} ${rows}`,
    );
    await until(async () => (await sql(`SELECT ${rows}`)).length === 0, 6_000);
  });

  /** By another clock than that of the test. */
  async function expire(userId: string) {
    const past = "now() - interval '1 second'";
    await sql(`UPDATE github_grant SET expires_at = ${past} WHERE user_id = $1`, [userId]);
    await sql(`UPDATE github_link SET ends_at = ${past} WHERE user_id = $1`, [userId]);
  }

  async function provedColleague() {
    const { world, actions, app } = scene().github;
    const installation = actions.install(app, world.addAccount(`org-${randomUUID()}`));
    await settled();
    const user = await addUser();
    await scene().server.database.dataSource.transaction(async (manager) => {
      const expiresAt = new Date(Date.now() + 86_400_000);
      const id = { userId: user, installationId: String(installation.id) };
      await manager.save(GithubGrant, {
        ...id,
        kind: 'own_proof',
        provedAt: new Date(),
        expiresAt,
      });
      await GRANTS.settle(manager, { users: [user] });
    });
    expect(await seenBy(user)).toEqual(ids(installation));
    return { user, installation };
  }

  const listOf = async (user: string) =>
    ((await (await scene().server.rest(user)).json()) as object[]).length;

  test('an ended proof hides its installation, without a delivery and without a restart', async () => {
    const { user } = await provedColleague();
    expect(await listOf(user)).toBe(1);
    await expire(user);
    await until(async () => (await listOf(user)) === 0);
    expect(await seenBy(user)).toEqual([]);
  });

  test('a row that tables of other programs refer to is hidden, and comes back with its id', async () => {
    const { user, installation } = await provedColleague();
    const [row] = await sql('SELECT id FROM github_app_installation WHERE neptun_user_id = $1', [
      user,
    ]);
    await sql(
      'CREATE TABLE import (installation integer REFERENCES github_app_installation ON DELETE CASCADE)',
    );
    try {
      await sql('INSERT INTO import VALUES ($1)', [row.id]);
      await expire(user);
      const isHidden = async () =>
        (await sql('SELECT FROM github_link WHERE user_id = $1 AND hidden_at IS NOT NULL', [user]))
          .length === 1;
      await until(isHidden);
      // A probe finds the new table.
      await until(async () => {
        await fetch(`${scene().server.url}/ready`);
        return (await listOf(user)) === 0;
      });
      expect(await sql('SELECT FROM import WHERE installation = $1', [row.id])).toHaveLength(1);
      await sql(
        "UPDATE github_grant SET expires_at = now() + interval '1 day' WHERE user_id = $1",
        [user],
      );
      await scene().server.database.dataSource.transaction((manager) =>
        GRANTS.settle(manager, { users: [user] }),
      );
      expect(await (await scene().server.rest(user)).json()).toMatchObject([
        { id: row.id, github_installation_id: String(installation.id) },
      ]);
    } finally {
      await sql('DROP TABLE import');
    }
  });

  test('a row that another program has removed counts as unlinked', async () => {
    const { user } = await provedColleague();
    await sql('DELETE FROM github_app_installation WHERE neptun_user_id = $1', [user]);
    await scene().server.database.dataSource.transaction((manager) =>
      GRANTS.settle(manager, { users: [user] }),
    );
    expect(await seenBy(user)).toEqual([]);
  });

  test('of accounts that the operator has named, by their ids: a renamed one stays, and a stranger with its name does not come', async () => {
    const { dataSource } = scene().server.database;
    const { world, actions, app } = scene().github;
    const login = `Org-${randomUUID()}`;
    const account = world.addAccount(login);
    const rules = new Grants({ proofDays: 7, allowedAccounts: [login.toLowerCase()] });
    const user = await addUser();
    const linked = async (installation: Installation) => {
      await settled();
      await dataSource.transaction(async (manager) => {
        const id = { userId: user, installationId: String(installation.id) };
        const expiresAt = new Date(Date.now() + 86_400_000);
        await manager.save(GithubGrant, {
          ...id,
          kind: 'own_proof',
          provedAt: new Date(),
          expiresAt,
        });
        await rules.settle(manager, { users: [user] });
      });
    };
    const installation = actions.install(app, account);
    await linked(installation);
    await linked(actions.install(app, world.addAccount(`org-${randomUUID()}`)));
    expect(await seenBy(user)).toEqual(ids(installation));
    actions.renameAccount(account, `renamed-${randomUUID()}`);
    const stranger = actions.install(app, world.addAccount(login));
    await linked(stranger);
    expect(await seenBy(user)).toEqual(ids(installation));
  });
});
