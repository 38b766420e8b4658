import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { type Account, createKeys } from '../../src/explore/demo-github/model.js';
import { createGithubClient, rateLimitOf } from '../../src/github/client.js';
import { fetchTruth } from '../../src/github/fetch-truth.js';
import { privateKeyOf } from '../../src/github/private-key.js';
import { KEYS, rateLimited, useGithub } from '../helpers/github.js';

const OTHER_KEY = createKeys().pem;
const github = useGithub();
/** Items of GitHub's pages: few, so that there are several soon. */
const PAGE = 5;
beforeAll(() => {
  github().world.longestPage = PAGE;
});
afterAll(() => {
  jest.useRealTimers();
});

function clients(changes: { privateKey?: string; appId?: string; longestWait?: number } = {}) {
  const { privateKey = KEYS.pem, appId = String(github().app.id), ...rest } = changes;
  return createGithubClient({
    appId,
    privateKey: privateKeyOf(privateKey) as string,
    apiUrl: github().url,
    log: { warn: jest.fn() },
    second: 10,
    ...rest,
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
const truthOf = ({ id }: { id: number }, of = clients()) => fetchTruth(of, String(id));

describe('the truth', () => {
  test('has all repositories, of several pages', async () => {
    const installation = install(2 * PAGE + 1);
    const truth = await truthOf(installation);
    const { id, account } = installation;
    expect(truth?.installation).toMatchObject({ id: String(id), accountLogin: account.login });
    expect(truth?.repositories?.complete).toBe(true);
    expect(truth?.repositories?.listed).toHaveLength(2 * PAGE + 1);
    expect(truth?.repositories?.listed[0]).toMatchObject({ owner: account.login, license: 'MIT' });
  });

  test('has the repositories of the installation’s own selection and account alone', async () => {
    const { app, actions, world } = github();
    install(2);
    const account = organization(3);
    const [first] = world.repositoriesOf(account);
    const truth = await truthOf(actions.install(app, account, first ? [first] : []));
    expect(truth?.installation.repositorySelection).toBe('selected');
    expect(truth?.repositories?.listed.map(({ id }) => id)).toEqual([String(first?.id)]);
  });

  test.each<[string, (body: any) => object]>([
    ['is cut short', (body) => ({ ...body, repositories: body.repositories.slice(1) })],
    ['disagrees with its total', (body) => ({ ...body, total_count: body.total_count + 1 })],
    ['has no total', ({ total_count: _, ...body }) => body],
  ])('is incomplete where a list %s', async (_name, change) => {
    const installation = install(3);
    github().fault(({ path }) => (path === '/installation/repositories' ? { change } : undefined));
    expect((await truthOf(installation))?.repositories?.complete).toBe(false);
  });

  test('is incomplete where a repository is deleted or added between two pages', async () => {
    const { actions, world } = github();
    for (const move of [
      (account: Account) => actions.deleteRepository(world.repositoriesOf(account)[0] as never),
      (account: Account) => actions.createRepository(account, { name: 'late' }),
    ]) {
      const installation = install(2 * PAGE);
      github().fault(({ query }) => {
        if (query.page === '2') move(installation.account);
        return undefined;
      });
      expect((await truthOf(installation))?.repositories?.complete).toBe(false);
    }
  });

  test('of a suspended installation says since when, and nothing of repositories', async () => {
    const installation = install(1);
    github().actions.suspend(installation);
    const truth = await truthOf(installation);
    expect(truth?.installation.suspendedAt).toBeInstanceOf(Date);
    expect(truth?.repositories).toBeNull();
  });

  test('of an enterprise names its slug', async () => {
    const { app, actions, world } = github();
    const enterprise = world.addAccount('umbrella-group', 'Enterprise');
    const truth = await truthOf(actions.install(app, enterprise));
    expect(truth?.installation).toMatchObject({
      accountLogin: 'umbrella-group',
      accountType: 'Enterprise',
    });
  });

  test('is null where the installation is gone, or another App’s', async () => {
    const { actions, world } = github();
    const gone = install(1);
    actions.uninstall(gone);
    expect(await truthOf(gone)).toBeNull();
    const other = world.addApp({ publicKey: KEYS.publicKey });
    expect(await truthOf(actions.install(other, organization(1)))).toBeNull();
  });
});

describe('the client', () => {
  test('fails where the key is not the App’s, or GitHub has no such App', async () => {
    const installation = install(1);
    await expect(truthOf(installation, clients({ privateKey: OTHER_KEY }))).rejects.toMatchObject({
      status: 401,
    });
    const { app } = clients({ appId: '999' });
    await expect(app.request('GET /app')).rejects.toMatchObject({ status: 404 });
  });

  test('tries again what fails by chance, and not for ever', async () => {
    const installation = install(1);
    github().fault(({ number }) =>
      number === 1 ? { status: 502 } : number === 2 ? { reset: true } : undefined,
    );
    expect(await truthOf(installation)).not.toBeNull();
    github().fault(() => ({ status: 500 }));
    await expect(truthOf(installation)).rejects.toMatchObject({ status: 500 });
  });

  test.each([
    ['of calls an hour', () => rateLimited(1)],
    ['of calls at once', () => rateLimited(1, 'secondary')],
  ])('waits for a rate limit %s', async (_name, limit) => {
    const installation = install(1);
    github().fault(({ number }) => (number <= 2 ? limit() : undefined));
    expect((await truthOf(installation))?.repositories?.listed).toHaveLength(1);
  });

  test('asks once where it shall not wait for that long, and says for how long', async () => {
    const installation = install(1);
    for (const [limit, seconds] of [
      [rateLimited(900), 900],
      [rateLimited(900, 'secondary'), 900],
      [{ status: 429, headers: { 'retry-after': '77' } }, 77],
      [rateLimited(10 ** 8), 3600],
    ] as const) {
      github().calls.length = 0;
      github().fault(() => limit);
      const error = await truthOf(installation, clients({ longestWait: 30 })).catch((e) => e);
      expect(Math.abs((rateLimitOf(error) ?? 0) - seconds)).toBeLessThan(3);
      expect(github().calls).toHaveLength(1);
    }
    for (const fault of [{ status: 403 }, { status: 500 }, rateLimited(-60)]) {
      github().fault(() => fault);
      const error = await truthOf(installation, clients({ longestWait: 0 })).catch((e) => e);
      expect(rateLimitOf(error)).toBeNull();
    }
  });

  test('follows no redirect, which would bring the App’s token to another host', async () => {
    const asked: string[] = [];
    const other = createServer((request, response) => {
      asked.push(String(request.url));
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
    try {
      const installation = install(1);
      github().fault(() => ({ status: 307, headers: { location } }));
      await expect(truthOf(installation)).rejects.toThrow();
      expect(asked).toEqual([]);
    } finally {
      other.close();
    }
  });

  // The last one: time that goes back stops Octokit's queues, which all clients share.
  test('takes a new token where the one before is no longer valid, and GitHub’s clock where its own is wrong', async () => {
    const installation = install(1);
    const of = clients();
    await truthOf(installation, of);
    // Octokit repeats by itself what a token of the last five seconds is refused.
    jest.useFakeTimers({ advanceTimers: true, now: Date.now() + 10_000 });
    github().world.now = () => new Date(Date.now() + 2 * 3_600_000);
    expect((await truthOf(installation, of))?.repositories?.listed).toHaveLength(1);
  });
});
