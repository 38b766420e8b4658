import { expect, test } from '@jest/globals';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { json, useServer } from '../helpers/server.js';

describeOnEachDatabase('The settings URL of an installation', (kind) => {
  const server = useServer(kind);

  test.each([
    ['a user', 'octocat', 'User', 'https://github.com/settings/installations/4294967299'],
    [
      'a user without a login',
      null,
      'User',
      'https://github.com/settings/installations/4294967299',
    ],
    [
      'an organization',
      'octo-org',
      'Organization',
      'https://github.com/organizations/octo-org/settings/installations/4294967299',
    ],
    [
      'an organization of a strange name',
      'a/b?c',
      'Organization',
      'https://github.com/organizations/a%2Fb%3Fc/settings/installations/4294967299',
    ],
    ['an organization without a login', null, 'Organization', null],
    ['an enterprise', 'octo', 'Enterprise', null],
    ['an account of unknown type', 'octocat', null, null],
    ['an unknown account', null, null, null],
  ])('of %s', async (_account, login, type, expected) => {
    const { addUser, sql, graphql } = server();
    const me = await addUser();
    await sql(
      `INSERT INTO github_app_installation (neptun_user_id, github_installation_id,
         github_account_name, github_account_type) VALUES ($1, 4294967299, $2, $3)`,
      [me, login, type],
    );
    const query = '{ viewer { installations { settingsUrl } } }';
    const { data } = await json(await graphql({ query }, { as: me }));
    expect(data.viewer.installations).toEqual([{ settingsUrl: expected }]);
  });
});
