import { expect, test } from '@jest/globals';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { json, useServer } from '../helpers/server.js';

const QUERY = `{ viewer { installations {
  githubInstallationId account { githubAccountId login type avatarUrl }
} } }`;

describeOnEachDatabase('The account of an installation', (kind) => {
  const server = useServer(kind);

  async function userWithAccounts(accounts: Record<string, unknown>[]): Promise<string> {
    const { addUser, sql } = server();
    const userId = await addUser();
    for (const [at, account] of accounts.entries())
      await sql(
        `INSERT INTO github_app_installation (neptun_user_id, github_installation_id, github_account_id,
           github_account_name, github_account_type, github_account_avatar_url)
         VALUES ($1, $2, $3, $4, $5, $6)`,
        [userId, at + 1, account.id, account.login, account.type, account.avatarUrl],
      );
    return userId;
  }

  test('is what its row says, and null where the row says nothing', async () => {
    const login = 'octo-"org" \\ 😀';
    const avatarUrl = 'https://avatars.githubusercontent.com/u/1';
    const me = await userWithAccounts([
      { id: '9007199254740993', login, type: 'Organization', avatarUrl },
      {},
      { login: 'octocat' },
      { id: '0' },
    ]);
    const unknown = { githubAccountId: null, login: null, type: null, avatarUrl: null };
    // First compiled within Apollo Server's pipeline, then before it.
    for (let time = 0; time < 2; time++) {
      const { data } = await json(await server().graphql({ query: QUERY }, { as: me }));
      expect(data.viewer.installations).toEqual([
        {
          githubInstallationId: '1',
          account: { githubAccountId: '9007199254740993', login, type: 'ORGANIZATION', avatarUrl },
        },
        { githubInstallationId: '2', account: null },
        { githubInstallationId: '3', account: { ...unknown, login: 'octocat' } },
        { githubInstallationId: '4', account: { ...unknown, githubAccountId: '0' } },
      ]);
    }
  });

  test.each([
    ['User', 'USER'],
    ['Organization', 'ORGANIZATION'],
    ['Enterprise', 'ENTERPRISE'],
    ['organization', 'ORGANIZATION'],
    ['Bot', null],
    ['', null],
    ['__proto__', null],
    ['toString', null],
  ])('has for the type %j the value %j', async (type, expected) => {
    const me = await userWithAccounts([{ id: '1', type }]);
    const { data } = await json(await server().graphql({ query: QUERY }, { as: me }));
    expect(data.viewer.installations[0].account.type).toBe(expected);
  });

  test('is not in the answer of REST, which keeps its five keys', async () => {
    const me = await userWithAccounts([{ id: '1', login: 'octocat', type: 'User' }]);
    const [item] = await json(await server().rest(me));
    expect(Object.keys(item)).toEqual([
      'id',
      'neptun_user_id',
      'github_installation_id',
      'created_at',
      'updated_at',
    ]);
  });
});
