import { randomInt } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { recordMigrations } from '../../src/database/migrate.js';
import { UNATTENDED } from '../../src/database/wait-options.js';
import { InstallationFact } from '../../src/installations/installation-fact.entity.js';
import {
  createDatabase,
  describeOnEachDatabase,
  describeOnPostgres,
} from '../helpers/databases.js';
import { addInstallationFacts, addRepositories } from '../helpers/facts.js';
import { execute, tablesOf } from '../helpers/other-tables.js';
import { json, startTestServer, type TestServer, useServer } from '../helpers/server.js';

const QUERY = `{ viewer { installations {
  githubInstallationId account { githubAccountId login type avatarUrl url } settingsUrl repositorySelection
  permissions { name level } suspendedAt status repositories { totalCount nodes { name } }
} } }`;
const UNKNOWN = {
  account: null,
  settingsUrl: null,
  repositorySelection: null,
  permissions: null,
  suspendedAt: null,
  status: 'UNKNOWN',
  repositories: null,
};

async function installationsOf(server: TestServer, me: string): Promise<any[]> {
  const { data, errors } = await json(await server.graphql({ query: QUERY }, { as: me }));
  expect(errors).toBeUndefined();
  return data.viewer.installations;
}

/** GitHub ids that no other test has. */
const idsFrom = (count: number) => {
  const first = randomInt(2 ** 32, 2 ** 47);
  return Array.from({ length: count }, (_, n) => String(first + n));
};

describeOnEachDatabase('An installation', (kind) => {
  const server = useServer(kind);

  test('has what GitHub says of it, and else what its row says', async () => {
    const [known, suspended, marked, unsaid] = idsFrom(4) as [string, string, string, string];
    const me = await server().addUser([known, suspended, marked, unsaid]);
    await server().sql(
      `UPDATE github_app_installation SET github_account_name = 'before', github_account_type = 'User'
       WHERE github_installation_id IN ($1, $2)`,
      [known, marked],
    );
    await addInstallationFacts(server(), [
      {
        id: known,
        accountId: '9007199254740993',
        accountLogin: 'octo-org',
        accountType: 'Organization',
        accountUrl: 'https://github.example/octo-org',
        htmlUrl: 'https://github.example/organizations/octo-org/settings/installations/1',
        repositorySelection: 'selected',
        permissions: { metadata: 'read', contents: 'write', checks: 'read' },
      },
      { id: suspended, suspendedAt: new Date('2026-11-01T10:00:00.123Z') },
      { id: marked, repositorySelection: null, permissions: null, dirtySince: new Date() },
    ]);
    const expected = [
      {
        githubInstallationId: known,
        account: {
          githubAccountId: '9007199254740993',
          login: 'octo-org',
          type: 'ORGANIZATION',
          avatarUrl: null,
          url: 'https://github.example/octo-org',
        },
        settingsUrl: 'https://github.example/organizations/octo-org/settings/installations/1',
        repositorySelection: 'SELECTED',
        permissions: [
          { name: 'checks', level: 'read' },
          { name: 'contents', level: 'write' },
          { name: 'metadata', level: 'read' },
        ],
        suspendedAt: null,
        status: 'ACTIVE',
        repositories: { totalCount: 0, nodes: [] },
      },
      {
        ...UNKNOWN,
        githubInstallationId: suspended,
        repositorySelection: 'ALL',
        permissions: [{ name: 'metadata', level: 'read' }],
        suspendedAt: '2026-11-01T10:00:00.123Z',
        status: 'SUSPENDED',
        repositories: { totalCount: 0, nodes: [] },
      },
      {
        ...UNKNOWN,
        githubInstallationId: marked,
        account: {
          githubAccountId: null,
          login: 'before',
          type: 'USER',
          avatarUrl: null,
          url: null,
        },
        settingsUrl: `https://github.com/settings/installations/${marked}`,
      },
      { ...UNKNOWN, githubInstallationId: unsaid },
    ];
    // First compiled within Apollo Server's pipeline, then before it.
    for (let time = 0; time < 2; time++)
      expect(await installationsOf(server(), me)).toEqual(expected);
  });

  test('is found by the account that GitHub says, not by an older one of its row', async () => {
    const [id] = idsFrom(1) as [string];
    const me = await server().addUser([id]);
    await server().sql(
      "UPDATE github_app_installation SET github_account_name = 'before', github_account_type = 'User' WHERE github_installation_id = $1",
      [id],
    );
    await addInstallationFacts(server(), [
      { id, accountLogin: 'After', accountType: 'Organization' },
    ]);
    const count = async (argument: string) => {
      const query = `{ viewer { installations(${argument}) { id } } }`;
      return (await json(await server().graphql({ query }, { as: me }))).data.viewer.installations
        .length;
    };
    expect(await count('accountLogin: "after"')).toBe(1);
    expect(await count('accountLogin: "before"')).toBe(0);
    expect(await count('accountType: ORGANIZATION')).toBe(1);
    expect(await count('accountType: USER')).toBe(0);
  });

  test.each([
    ['is uninstalled', { deletedAt: new Date() }],
    ['is missing at GitHub', { missingSince: new Date() }],
  ])('that %s is in nobody’s list, until it is there again', async (_name, hidden) => {
    const [gone, here] = idsFrom(2) as [string, string];
    const users = [await server().addUser([gone, here]), await server().addUser([gone])];
    await addInstallationFacts(server(), [{ id: gone }, { id: here }]);
    await addRepositories(server(), gone, [{ id: gone }]);
    const seen = async () => {
      const lists = await Promise.all(
        users.map(async (me) => ({
          rest: (await json(await server().rest(me))).map(
            (item: any) => item.github_installation_id,
          ),
          graphql: (await installationsOf(server(), me)).map((item) => item.githubInstallationId),
          etag: (await server().rest(me)).headers.get('etag'),
        })),
      );
      return lists;
    };
    const before = await seen();
    expect(before).toMatchObject([
      { rest: [gone, here], graphql: [gone, here] },
      { rest: [gone], graphql: [gone] },
    ]);
    const { manager } = server().database.dataSource;
    await manager.update(InstallationFact, gone, hidden);
    const during = await seen();
    expect(during).toMatchObject([
      { rest: [here], graphql: [here] },
      { rest: [], graphql: [] },
    ]);
    expect(during[0]?.etag).not.toBe(before[0]?.etag);
    await manager.update(InstallationFact, gone, { deletedAt: null, missingSince: null });
    expect(await seen()).toEqual(before);
  });
});

describeOnPostgres('On tables of another program', () => {
  test.each(['integer NOT NULL', 'bigint NOT NULL', 'text NOT NULL', 'varchar(255) NOT NULL'])(
    'what GitHub says is known by ids of the type %s, once its tables are made',
    async (githubId) => {
      const database = await createDatabase('PostgreSQL');
      await execute(
        database,
        `${tablesOf({ githubId })}
         INSERT INTO neptun_user VALUES (1, 'a@example.com', NULL, NULL);
         INSERT INTO github_app_installation (id, neptun_user_id, github_installation_id,
           github_account_id, github_account_type, github_account_avatar_url)
         VALUES (1, 1, '101', 5, 'User', ''), (2, 1, '102', 5, 'User', ''), (3, 1, '103', 5, 'User', '');`,
      );
      const isText = /text|varchar/.test(githubId);
      if (isText)
        await execute(
          database,
          `INSERT INTO github_app_installation (id, neptun_user_id, github_installation_id,
             github_account_id, github_account_type, github_account_avatar_url)
           VALUES (4, 1, 'not a number', 5, 'User', ''), (5, 1, '99999999999999999999', 5, 'User', '');`,
        );
      const others = isText ? ['UNKNOWN', 'UNKNOWN'] : [];
      const statuses = async (server: TestServer) =>
        (await installationsOf(server, '1')).map(({ status }) => status);
      const before = await startTestServer(database);
      await before.ready;
      expect(await statuses(before)).toEqual(['UNKNOWN', 'UNKNOWN', 'UNKNOWN', ...others]);
      await recordMigrations(before.database.dataSource, UNATTENDED);
      await before.close();
      const again = await startTestServer(database);
      await again.ready;
      await addInstallationFacts(again, [
        { id: '101', suspendedAt: new Date() },
        { id: '102' },
        { id: '103', deletedAt: new Date() },
      ]);
      expect(await statuses(again)).toEqual(['SUSPENDED', 'ACTIVE', ...others]);
      await again.close();
      await database.remove();
    },
  );
});
