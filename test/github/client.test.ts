import { describe, expect, jest, test } from '@jest/globals';
import type { Account } from '../../src/explore/demo-github/model.js';
import { createGithubClient } from '../../src/github/client.js';
import { fetchTruth } from '../../src/github/fetch-truth.js';
import { privateKeyOf } from '../../src/github/private-key.js';
import { FAST, KEYS, useGithub } from '../helpers/github.js';

const pemOf = (pem: string) => privateKeyOf(pem) as string;
const github = useGithub();

function clients(changes = {}) {
  return createGithubClient({
    appId: String(github().app.id),
    privateKey: pemOf(KEYS.pem),
    apiUrl: github().url,
    log: { warn: jest.fn() },
    ...FAST,
    ...changes,
  });
}

let accounts = 0;
function organization(repositories: number): Account {
  const { world, actions } = github();
  accounts += 1;
  const account = world.addAccount(`organization-${accounts}`);
  for (let index = 0; index < repositories; index++)
    actions.createRepository(account, { name: `repository-${index}` });
  return account;
}

const install = (repositories: number) =>
  github().actions.install(github().app, organization(repositories));

describe('the truth', () => {
  test('has all repositories, of several pages', async () => {
    const { id, account } = install(203);
    const truth = await fetchTruth(clients(), String(id));
    expect(truth?.installation).toMatchObject({ id: String(id), accountLogin: account.login });
    expect(truth?.repositories?.complete).toBe(true);
    expect(truth?.repositories?.listed).toHaveLength(203);
    expect(truth?.repositories?.listed[0]).toMatchObject({ owner: account.login, license: 'MIT' });
  });
});
