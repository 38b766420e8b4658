import { beforeAll, expect, test } from '@jest/globals';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { json, useServer } from '../helpers/server.js';

describeOnEachDatabase('Installations of an account', (kind) => {
  const server = useServer(kind);
  let me = '';
  beforeAll(async () => {
    me = await server().addUser();
    const accounts = [
      ['Octo-Org', 'Organization'],
      ['octocat', 'User'],
      ['other-org', 'Organization'],
      [null, 'User'],
      [null, null],
    ];
    for (const [at, account] of accounts.entries())
      await server().sql(
        `INSERT INTO github_app_installation (neptun_user_id, github_installation_id,
           github_account_name, github_account_type) VALUES ($1, $2, $3, $4)`,
        [me, at + 1, ...account],
      );
  });

  async function ask(query: string, variables = {}) {
    const { data, errors } = await json(await server().graphql({ query, variables }, { as: me }));
    expect(errors).toBeUndefined();
    return Object.fromEntries(
      Object.entries<{ githubInstallationId: string }[]>(data.viewer).map(([key, list]) => [
        key,
        list.map(({ githubInstallationId }) => githubInstallationId).join(),
      ]),
    );
  }
  const list = (filter: string) => `installations${filter} { githubInstallationId }`;

  test.each([
    ['', '1,2,3,4,5'],
    ['(accountLogin: "octo-org")', '1'],
    ['(accountLogin: "OCTO-ORG")', '1'],
    ['(accountLogin: "octo")', ''],
    ['(accountLogin: "")', ''],
    ['(accountLogin: null)', '1,2,3,4,5'],
    ['(accountType: ORGANIZATION)', '1,3'],
    ['(accountType: USER)', '2,4'],
    ['(accountType: ENTERPRISE)', ''],
    ['(accountType: null)', '1,2,3,4,5'],
    ['(accountLogin: "octocat", accountType: USER)', '2'],
    ['(accountLogin: "octocat", accountType: ORGANIZATION)', ''],
    ['(accountLogin: null, accountType: ORGANIZATION)', '1,3'],
  ])('by %j are %j', async (filter, expected) => {
    // Compiled within Apollo Server's pipeline, then before it.
    for (let time = 0; time < 2; time++)
      expect(await ask(`{ viewer { ${list(filter)} } }`)).toEqual({ installations: expected });
  });

  test('differ for two aliases with different arguments, in one query', async () => {
    const query = `query ($login: String, $type: GithubAccountType) { viewer {
      all: ${list('')}
      org: ${list('(accountLogin: $login)')}
      users: ${list('(accountType: $type)')}
    } }`;
    const answers = [
      [
        { login: 'Other-Org', type: 'USER' },
        { all: '1,2,3,4,5', org: '3', users: '2,4' },
      ],
      [
        { login: null, type: null },
        { all: '1,2,3,4,5', org: '1,2,3,4,5', users: '1,2,3,4,5' },
      ],
      [{}, { all: '1,2,3,4,5', org: '1,2,3,4,5', users: '1,2,3,4,5' }],
      [
        { login: 'octocat', type: 'ORGANIZATION' },
        { all: '1,2,3,4,5', org: '2', users: '1,3' },
      ],
    ] as const;
    for (const [variables, expected] of [...answers, ...answers])
      expect(await ask(query, variables)).toEqual(expected);
  });

  test('refuse a type that is none', async () => {
    const query = `query ($type: GithubAccountType) { viewer { ${list('(accountType: $type)')} } }`;
    for (let time = 0; time < 2; time++) {
      const response = await server().graphql({ query, variables: { type: 'BOT' } }, { as: me });
      expect((await json(response)).errors[0].extensions.code).toBe('BAD_USER_INPUT');
      await ask(query, { type: 'USER' });
    }
  });
});
