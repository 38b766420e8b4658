import { expect, test } from '@jest/globals';
import { explain } from '../../src/github/explain.js';
import { InstallationFact } from '../../src/installations/installation-fact.entity.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { useServer } from '../helpers/server.js';

describeOnEachDatabase('The explanation', (kind) => {
  const server = useServer(kind);
  let lastId = 5_000_000_000;

  /** Of an installation with these facts, which its user has or not. */
  async function explained(
    facts: Partial<InstallationFact> | null,
    isLinked = true,
    hasFacts = true,
  ) {
    const { dataSource } = server().database;
    lastId += 1;
    const installation = String(lastId);
    const account = { accountId: '1', accountLogin: 'acme', fetchedAt: new Date() };
    if (facts)
      await dataSource.manager.insert(InstallationFact, { id: installation, ...account, ...facts });
    const user = await server().addUser(isLinked ? [installation] : []);
    const [sentence] = await explain(
      dataSource,
      { user, installation },
      { hasFacts, allowedAccounts: null },
    );
    return sentence?.replace(installation, 'N');
  }
  const date = new Date('2026-01-02T03:04:05.000Z');
  const time = '2026-01-02T03:04:05.000Z';

  test.each<[string, Partial<InstallationFact> | null, string]>([
    ['known', {}, 'is in the list.'],
    ['unknown', null, 'is in the list. GitHub has said nothing of it'],
    ['suspended', { suspendedAt: date }, `is in the list. It is suspended since ${time}`],
    ['marked', { dirtySince: date }, `is in the list. GitHub is to be asked about it again`],
    ['known by payloads', { fetchedAt: null }, 'is in the list. What is known of it comes from'],
    [
      'missing',
      { missingSince: date },
      `is not in the list: GitHub has not known it since ${time}`,
    ],
    [
      'uninstalled',
      { deletedAt: date },
      `is not in the list: it was uninstalled at GitHub, as of ${time}`,
    ],
  ])('of one that is %s', async (_case, facts, text) => {
    const login = facts ? ' of acme' : '';
    expect(await explained(facts)).toContain(`Installation N${login} ${text}`);
  });

  test('of one that the user does not have names that, and what hides it from all', async () => {
    expect(await explained({}, false)).toBe(
      'Installation N of acme is not in the list: github_app_installation has no row for it and this user, and no evidence shows it to the user.',
    );
    expect(await explained({ deletedAt: date }, false)).toMatch(
      /no row .* Also for others: it was uninst/,
    );
  });

  test('of a user who is not there, or has none, says so', async () => {
    const { dataSource } = server().database;
    const user = await server().addUser();
    const options = { hasFacts: true, allowedAccounts: null };
    expect(await explain(dataSource, { user }, options)).toEqual([
      expect.stringMatching(/^The list of user-.* is empty/),
      expect.stringMatching(/^Which GitHub account user-.* has is not known yet/),
    ]);
    expect(await explain(dataSource, { user: 'nobody' }, options)).toEqual([
      expect.stringMatching(/no user nobody: .* 404/),
    ]);
  });

  test('without tables for facts says that nothing hides a row', async () => {
    expect(await explained({ deletedAt: date }, true, false)).toMatch(
      /^Installation N is in the list/,
    );
  });
});
