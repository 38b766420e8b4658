import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cli, until } from '../cli/process.js';
import { Agent } from '../helpers/agent.js';
import { createDatabase, describeOnPostgres, type TestDatabase } from '../helpers/databases.js';
import { startGithub, type TestGithub } from '../helpers/github.js';
import { execute, tablesOf } from '../helpers/other-tables.js';
import { cookieOf, json, startTestServer, type TestServer } from '../helpers/server.js';
import { acceptsDeliveries } from '../helpers/webhooks.js';

// The embedded database has no tables of others to adopt.
describeOnPostgres('On tables of the web application’s own migrations', () => {
  let database: TestDatabase;
  let github: TestGithub;
  let server: TestServer;
  let env: Record<string, string>;

  beforeAll(async () => {
    database = await createDatabase('PostgreSQL');
    // Below 2^31, as the columns are integers.
    github = await startGithub(1_000);
    await execute(
      database,
      `DROP SCHEMA public CASCADE; CREATE SCHEMA public; ${tablesOf()}
      CREATE TABLE neptun_user_oauth_account (
        provider text NOT NULL, oauth_user_id text NOT NULL, neptun_user_id integer NOT NULL,
        PRIMARY KEY (provider, oauth_user_id));
      CREATE TABLE github_app_installation_repository (
        id serial PRIMARY KEY, github_app_installation_id integer NOT NULL REFERENCES github_app_installation,
        github_repository_id integer NOT NULL, github_repository_name text NOT NULL,
        created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
      INSERT INTO neptun_user SELECT n, 'a@example.com' FROM generate_series(1, 9) n;`,
    );
    const adopted = await cli(['migrate', '--adopt'], database.env);
    expect([adopted.code, adopted.stderr]).toEqual([0, '']);
    env = { ...github.env };
    server = await startTestServer(database, env);
    await server.ready;
    github.deliverTo(server.url);
    await acceptsDeliveries(server);
    github.app.permissions = { metadata: 'read' };
  });
  afterAll(async () => {
    await server?.close();
    await github?.close();
    await database?.remove();
  });

  const listOf = async (user: string) => json(await server.rest(user));
  const connect = async (user: string, path = '/github/connect') =>
    (await new Agent().signIn(server.url, user)).open(`${server.url}${path}`);

  test('a user connects, and the row has the columns that must be given', async () => {
    const { world, actions, app } = github;
    const organization = world.addAccount('adopted');
    const me = world.addAccount('me', 'User');
    world.membersOf(organization).add(me);
    actions.createRepository(organization, { name: 'open' });
    const closed = actions.createRepository(organization, {
      name: 'closed',
      visibility: 'private',
    });
    const { id } = actions.install(app, organization);
    await world.deliveries.settled();
    world.signedIn = me;
    const { text } = await connect('1');
    expect(text).toContain('adopted</dt><dd>in your list');
    const [row] = await listOf('1');
    expect(row).toMatchObject({ neptun_user_id: '1', github_installation_id: String(id) });
    expect(
      await server.sql(
        `SELECT neptun_user_id, github_installation_id, github_account_id, github_account_name, github_account_type
        FROM github_app_installation`,
      ),
    ).toEqual([
      {
        neptun_user_id: 1,
        github_installation_id: id,
        github_account_id: organization.id,
        github_account_name: 'adopted',
        github_account_type: 'Organization',
      },
    ]);
    // The web application has imported one of them.
    await server.sql(
      `INSERT INTO github_app_installation_repository
        (id, github_app_installation_id, github_repository_id, github_repository_name) VALUES (77, $1, $2, 'closed')`,
      [row.id, closed.id],
    );
    const imports = () =>
      fetch(`${server.url}/api/users/1/installations/${row.id}/imports`, {
        headers: { cookie: cookie },
      });
    const cookie = await cookieOf('1');
    await until(async () => (await json(await imports())).length === 2);
    const items = await json(await imports());
    expect(items.map((item: any) => [item.id, item.github_repository_name])).toEqual([
      [77, 'closed'],
      [items[1].github_repository_id, 'open'],
    ]);
  });

  test('a signed sender is found by the table of accounts', async () => {
    const { world, actions, app } = github;
    const me = world.addAccount('sender', 'User');
    await server.sql('INSERT INTO neptun_user_oauth_account VALUES ($1, $2, 2)', [
      'github',
      String(me.id),
    ]);
    const one = actions.install(app, world.addAccount('sent'), null, { by: me });
    await world.deliveries.settled();
    expect(await listOf('2')).toMatchObject([{ github_installation_id: String(one.id) }]);
    // The uninstalled one is gone from the table as well.
    actions.uninstall(one);
    await world.deliveries.settled();
    expect(
      await server.sql('SELECT FROM github_app_installation WHERE neptun_user_id = 2'),
    ).toEqual([]);
  });

  test('an owner who signs up later is found by the table of accounts, whatever the session says', async () => {
    const { world, actions, app } = github;
    const me = world.addAccount('owner', 'User');
    const one = actions.install(app, me);
    await world.deliveries.settled();
    await server.sql('INSERT INTO neptun_user_oauth_account VALUES ($1, $2, 8)', [
      'github',
      String(me.id),
    ]);
    await until(async () => (await listOf('8')).length > 0);
    expect(await listOf('8')).toMatchObject([{ github_installation_id: String(one.id) }]);
  });

  test('the owner of an account that only a sync has found is found by the table of accounts', async () => {
    const { world, actions, app } = github;
    const me = world.addAccount('synced', 'User');
    await server.sql('INSERT INTO neptun_user_oauth_account VALUES ($1, $2, 9)', [
      'github',
      String(me.id),
    ]);
    github.hold();
    const one = actions.install(app, me);
    github.held.length = 0;
    await github.release();
    const synced = await cli(['sync', '--installation', String(one.id)], {
      ...database.env,
      ...env,
      SESSION_PASSWORD: 'x'.repeat(32),
    });
    expect([synced.code, synced.stderr]).toEqual([0, expect.any(String)]);
    expect(
      await server.sql(
        'SELECT github_installation_id AS id FROM github_app_installation WHERE neptun_user_id = 9',
      ),
    ).toEqual([{ id: one.id }]);
  });

  test('a row that the web application refers to is hidden while its evidence has ended', async () => {
    const { world, actions, app } = github;
    const organization = world.addAccount('referred');
    const me = world.addAccount('referring', 'User');
    world.membersOf(organization).add(me);
    actions.install(app, organization);
    await world.deliveries.settled();
    world.signedIn = me;
    await connect('3');
    const [row] = await listOf('3');
    await server.sql(
      `INSERT INTO github_app_installation_repository
        (github_app_installation_id, github_repository_id, github_repository_name) VALUES ($1, 5, 'x')`,
      [row.id],
    );
    actions.removeMember(organization, me);
    await world.deliveries.settled();
    expect(await listOf('3')).toEqual([]);
    actions.addMember(organization, me);
    await connect('3');
    expect(await listOf('3')).toEqual([row]);
  });

  test('unlinking removes the row with what refers to it', async () => {
    const { world, actions, app } = github;
    const me = world.addAccount('unlinking', 'User');
    actions.install(app, me);
    await world.deliveries.settled();
    world.signedIn = me;
    await connect('4');
    const [{ id }] = await listOf('4');
    await server.sql(
      `INSERT INTO github_app_installation_repository
        (github_app_installation_id, github_repository_id, github_repository_name) VALUES ($1, 6, 'x')`,
      [id],
    );
    const answer = await fetch(`${server.url}/api/users/4/installations/${id}`, {
      method: 'DELETE',
      headers: { cookie: await cookieOf('4') },
    });
    expect([answer.status, await answer.text()]).toEqual([200, 'true']);
    await connect('4');
    expect(await listOf('4')).toEqual([]);
  });

  test('a row that a unique key refuses is explained, and inserted when its place is free', async () => {
    const { world, actions, app } = github;
    const me = world.addAccount('second', 'User');
    const organization = world.addAccount('unique');
    world.membersOf(organization).add(me);
    const { id } = actions.install(app, organization);
    await world.deliveries.settled();
    await server.sql(
      `ALTER TABLE github_app_installation ADD CONSTRAINT one_user UNIQUE (github_installation_id)`,
    );
    await server.sql(
      `INSERT INTO github_app_installation 
        (neptun_user_id, github_installation_id, github_account_id, github_account_name, github_account_type, github_account_avatar_url)
      VALUES (7, $1, 1, 'unique', 'Organization', '')`,
      [id],
    );
    world.signedIn = me;
    expect((await connect('6')).text).toContain('the database refuses it');
    expect(await listOf('6')).toEqual([]);
    const { stdout } = await cli(['github', 'explain', '--user', '6'], {
      ...database.env,
      ...env,
      SESSION_PASSWORD: 'x'.repeat(32),
    });
    expect(stdout).toMatch(/its row could not be inserted: another row has a value that is unique/);
    await server.sql('ALTER TABLE github_app_installation DROP CONSTRAINT one_user');
    expect((await connect('6')).text).toContain('unique</dt><dd>in your list');
    expect(await listOf('6')).toMatchObject([{ github_installation_id: String(id) }]);
  });

  test('an installation beyond 2^31 keeps its evidence, and the explanation says what is wrong', async () => {
    const { world, actions, app } = github;
    const me = world.addAccount('far', 'User');
    const organization = world.addAccount('beyond');
    world.membersOf(organization).add(me);
    const one = actions.install(app, organization);
    await world.deliveries.settled();
    world.installations.delete(one.id);
    one.id = 2 ** 31;
    world.installations.set(one.id, one);
    world.signedIn = me;
    const { text } = await connect('5');
    expect(text).toContain('the database refuses it');
    expect(await listOf('5')).toEqual([]);
    const { stdout } = await cli(['github', 'explain', '--user', '5'], {
      ...database.env,
      ...env,
      SESSION_PASSWORD: 'x'.repeat(32),
    });
    expect(stdout).toMatch(
      /2147483648 of beyond is not in the list: its row could not be inserted: .*github_installation_id is integer/,
    );
    const bound = await cli(['github', 'bind', '--user', '5', '--github-id', '123'], {
      ...database.env,
      ...env,
      SESSION_PASSWORD: 'x'.repeat(32),
    });
    expect([bound.code, bound.stdout]).toEqual([0, expect.stringContaining('123')]);
    expect((await connect('5')).status).toBe(409);
  });
});
