import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { SENDER } from '../../src/explore/demo-github/json.js';
import type { Account, Installation } from '../../src/explore/demo-github/model.js';
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
});
