import { randomInt } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { GithubGrant } from '../../src/grants/grant.entity.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { addInstallationFacts, addRepositories } from '../helpers/facts.js';
import { json, useServer } from '../helpers/server.js';

const QUERY = `query ($first: Int, $after: String) { viewer { installations { repositories(first: $first, after: $after) {
  totalCount nodes { githubRepositoryId name } pageInfo { hasNextPage endCursor }
} } } }`;

const DAY = 86_400_000;

describeOnEachDatabase('Private repositories', (kind) => {
  const server = useServer(kind);

  /** Two users of an installation with public (even) and private (odd) repositories, in the order of their ids. */
  async function begin(count = 6) {
    const first = randomInt(2 ** 32, 2 ** 46);
    const installation = String(first);
    const ids = Array.from({ length: count }, (_, at) => String(first + at));
    await addInstallationFacts(server(), [{ id: installation }]);
    await addRepositories(
      server(),
      installation,
      ids.map((id, at) => ({
        id,
        name: `r${String(at).padStart(4, '0')}`,
        isPrivate: at % 2 === 1,
      })),
    );
    const me = await server().addUser([installation]);
    const other = await server().addUser([installation]);
    return { me, other, installation, ids, open: ids.filter((_, at) => at % 2 === 0) };
  }

  const prove = (
    userId: string,
    installationId: string,
    repositoryIds: string[],
    change: Partial<GithubGrant> = {},
  ) =>
    server().database.dataSource.manager.save(GithubGrant, {
      userId,
      installationId,
      kind: 'own_proof',
      provedAt: new Date(),
      expiresAt: new Date(Date.now() + DAY),
      repositoryIds,
      ...change,
    });

  async function read(as: string, variables = {}) {
    const response = await server().graphql({ query: QUERY, variables }, { as });
    const { data, errors } = await json(response);
    expect(errors).toBeUndefined();
    const { nodes, ...rest } = data.viewer.installations[0].repositories;
    return { ids: nodes.map((node: any) => node.githubRepositoryId), ...rest };
  }

  test('are listed to those whose own proof listed them, each of them, and to nobody else', async () => {
    const { me, other, installation, ids, open } = await begin();
    const [, second, , fourth] = ids as [string, string, string, string];
    await prove(me, installation, [second]);
    await prove(other, installation, [fourth]);
    const both = await Promise.all([read(me), read(other)]);
    expect(both[0]).toMatchObject({ ids: [ids[0], ids[1], ids[2], ids[4]], totalCount: 4 });
    expect(both[1]).toMatchObject({ ids: [ids[0], ids[2], ids[3], ids[4]], totalCount: 4 });
    const third = await server().addUser([installation]);
    expect(await read(third)).toMatchObject({ ids: open, totalCount: 3 });
  });

  test('are gone with the next request when the proof ends, or forgets them', async () => {
    const { me, installation, ids, open } = await begin();
    await prove(me, installation, ids);
    expect((await read(me)).ids).toEqual(ids);
    await prove(me, installation, ids, { expiresAt: new Date(Date.now() - 1) });
    expect(await read(me)).toMatchObject({ ids: open, totalCount: open.length });
    await prove(me, installation, []);
    expect((await read(me)).ids).toEqual(open);
    await prove(me, installation, ids, { kind: 'membership' });
    expect((await read(me)).ids).toEqual(open);
  });

  test('of another installation are not opened by a proof of this one', async () => {
    const { me, installation, open } = await begin();
    const elsewhere = await begin();
    await prove(me, installation, elsewhere.ids);
    expect((await read(me)).ids).toEqual(open);
  });

  test.each([1, 2, 3, 7])('stand between the public ones, by pages of %i', async (first) => {
    const { me, other, installation, ids, open } = await begin(25);
    await prove(me, installation, ids);
    for (const [as, all] of [
      [me, ids],
      [other, open],
    ] as const) {
      const seen: string[] = [];
      for (let after: string | null = null, more = true; more; ) {
        const page = await read(as, { first, after });
        expect(page.totalCount).toBe(all.length);
        seen.push(...page.ids);
        more = page.pageInfo.hasNextPage;
        after = page.pageInfo.endCursor;
      }
      expect(seen).toEqual(all);
    }
  });

  test('are not reached by the cursor of somebody who sees them', async () => {
    const { me, other, installation, ids } = await begin();
    await prove(me, installation, ids);
    const { pageInfo } = await read(me, { first: 2 });
    const page = await read(other, { first: 10, after: pageInfo.endCursor });
    expect(page.ids).toEqual([ids[2], ids[4]]);
  });
});
