import { randomInt } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RepositoryFact } from '../../src/repositories/repository-fact.entity.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { addInstallationFacts, addRepositories } from '../helpers/facts.js';
import { json, useServer } from '../helpers/server.js';

const PAGES = `query ($first: Int, $after: String) { viewer { installations {
  repositories(first: $first, after: $after) {
    totalCount edges { cursor node { githubRepositoryId name } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
} } }`;

interface Connection {
  totalCount: number;
  edges: { cursor: string; node: { githubRepositoryId: string; name: string } }[];
  pageInfo: {
    hasNextPage: boolean;
    hasPreviousPage: boolean;
    startCursor: string | null;
    endCursor: string | null;
  };
}

/** A GitHub id that no other test has, as are the thousand after it. */
const newId = () => randomInt(2 ** 32, 2 ** 46);

describeOnEachDatabase('The repositories of an installation', (kind) => {
  const server = useServer(kind);

  /** A user with an installation, whose GitHub id this is. */
  async function installed(): Promise<{ me: string; installation: string; first: number }> {
    const first = newId();
    const installation = String(first);
    await addInstallationFacts(server(), [{ id: installation }]);
    return { me: await server().addUser([installation]), installation, first };
  }

  async function page(me: string, variables: object): Promise<Connection> {
    const { data, errors } = await json(
      await server().graphql({ query: PAGES, variables }, { as: me }),
    );
    expect(errors).toBeUndefined();
    return data.viewer.installations[0].repositories;
  }

  /** @param between is done after each page */
  async function allPages(me: string, size: number, between = async () => {}) {
    const ids: string[] = [];
    for (let after: string | null = null; ; ) {
      const { edges, pageInfo }: Connection = await page(me, { first: size, after });
      ids.push(...edges.map(({ node }) => node.githubRepositoryId));
      expect(pageInfo.hasPreviousPage).toBe(after !== null);
      if (!pageInfo.hasNextPage) return ids;
      after = pageInfo.endCursor;
      await between();
    }
  }

  test('have each field that GitHub says', async () => {
    const { me, installation, first } = await installed();
    await addRepositories(server(), installation, [
      {
        id: String(first),
        owner: 'Octo-Org',
        name: 'Hello-World',
        description: 'It says "hello" 😀',
        isFork: true,
        isTemplate: false,
        isArchived: true,
        visibility: 'public',
        defaultBranch: 'main',
        language: 'TypeScript',
        license: 'MIT',
        size: 108,
        homepageUrl: 'https://example.com',
        htmlUrl: 'https://github.example/Octo-Org/Hello-World',
        pushedAt: new Date('2026-11-01T10:00:00Z'),
      },
      { id: String(first + 1), name: 'unsaid' },
    ]);
    const fields = `githubRepositoryId name nameWithOwner owner description isPrivate isFork isTemplate isArchived
      visibility defaultBranch language license url homepageUrl pushedAt`;
    const query = `{ viewer { installations { repositories { nodes { ${fields} } } } } }`;
    for (let time = 0; time < 2; time++) {
      const { data } = await json(await server().graphql({ query }, { as: me }));
      const { nodes } = data.viewer.installations[0].repositories;
      expect(nodes).toEqual([
        {
          githubRepositoryId: String(first),
          name: 'Hello-World',
          nameWithOwner: 'Octo-Org/Hello-World',
          owner: 'Octo-Org',
          description: 'It says "hello" 😀',
          isPrivate: false,
          isFork: true,
          isTemplate: false,
          isArchived: true,
          visibility: 'PUBLIC',
          defaultBranch: 'main',
          language: 'TypeScript',
          license: 'MIT',
          url: 'https://github.example/Octo-Org/Hello-World',
          homepageUrl: 'https://example.com',
          pushedAt: '2026-11-01T10:00:00.000Z',
        },
        expect.objectContaining({ name: 'unsaid', isFork: null, visibility: null, pushedAt: null }),
      ]);
    }
  });

  test('are ordered by name in lower case, then by id, 30 a page, under inserts between pages', async () => {
    const { me, installation, first } = await installed();
    const names = ['b', 'B', '_a', 'A-1', 'a.1', 'a', 'Z', 'b'];
    const rows = Array.from({ length: 250 }, (_, n) => ({
      id: String(first + ((n * 7) % 250)),
      name: n < names.length ? (names[n] as string) : `r${n % 5}-${'xX'[n % 2]}`,
    }));
    await addRepositories(server(), installation, rows);
    const byOrder = (one: (typeof rows)[number], other: (typeof rows)[number]) => {
      const [name, otherName] = [one.name.toLowerCase(), other.name.toLowerCase()];
      if (name === otherName) return Number(one.id) - Number(other.id);
      return name < otherName ? -1 : 1;
    };
    const ordered = rows.sort(byOrder).map(({ id }) => id);
    expect(await allPages(me, 100)).toEqual(ordered);
    const { edges, totalCount } = await page(me, {});
    expect([edges.length, totalCount]).toEqual([30, 250]);

    let added = first + 500;
    const seen = await allPages(me, 17, async () => {
      // One before every page, one after, and one that was a cursor is gone.
      await addRepositories(server(), installation, [
        { id: String(added++), name: '!' },
        { id: String(added++), name: '~' },
      ]);
    });
    expect(seen.filter((id) => ordered.includes(id))).toEqual(ordered);
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('go on after a cursor whose repository is gone', async () => {
    const { me, installation, first } = await installed();
    const rows = ['a', 'b', 'c', 'd'].map((name, n) => ({ id: String(first + n), name }));
    await addRepositories(server(), installation, rows);
    const { pageInfo } = await page(me, { first: 2 });
    await server().database.dataSource.manager.delete(RepositoryFact, String(first + 1));
    const next = await page(me, { first: 2, after: pageInfo.endCursor });
    expect(next.edges.map(({ node }) => node.name)).toEqual(['c', 'd']);
    expect(next).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: false } });
  });

  test('may be none of a page, with their number', async () => {
    const { me, installation, first } = await installed();
    await addRepositories(server(), installation, [{ id: String(first) }]);
    expect(await page(me, { first: 0 })).toEqual({
      totalCount: 1,
      edges: [],
      pageInfo: { hasNextPage: true, hasPreviousPage: false, startCursor: null, endCursor: null },
    });
  });

  test('that are private are listed to nobody, not counted, and found by no cursor', async () => {
    const { me, installation, first } = await installed();
    const rows = ['a', 'b', 'c'].map((name, n) => ({
      id: String(first + n),
      name,
      isPrivate: n === 1,
      visibility: n === 1 ? 'internal' : 'public',
    }));
    await addRepositories(server(), installation, rows);
    const all = await page(me, {});
    expect(all.edges.map(({ node }) => node.name)).toEqual(['a', 'c']);
    expect(all).toMatchObject({ totalCount: 2, pageInfo: { hasNextPage: false } });
    expect(await page(me, { first: 1 })).toMatchObject({
      edges: [{ node: { name: 'a' } }],
      pageInfo: { hasNextPage: true },
    });
    const ofPrivate = Buffer.from(JSON.stringify(['b', String(first + 1)])).toString('base64url');
    const ofNothing = Buffer.from(JSON.stringify(['b', '1'])).toString('base64url');
    expect(await page(me, { after: ofPrivate })).toEqual(await page(me, { after: ofNothing }));
  });

  test('are those of two aliases and of many users by few statements', async () => {
    const users = await Promise.all(Array.from({ length: 3 }, installed));
    for (const { installation, first } of users)
      await addRepositories(server(), installation, [
        { id: String(first), name: 'a' },
        { id: String(first + 1), name: 'b' },
      ]);
    const query = `{ viewer { installations {
      one: repositories(first: 1) { nodes { name } } all: repositories { totalCount nodes { name } }
    } } }`;
    const ask = async ({ me }: { me: string }) =>
      (await json(await server().graphql({ query }, { as: me }))).data.viewer.installations;
    await Promise.all(users.map(ask));
    const sent: string[] = [];
    const { query: send } = server().database;
    server().database.query = (text, ...rest) => {
      sent.push(text);
      return send.call(server().database, text, ...rest) as never;
    };
    try {
      for (const installations of await Promise.all(users.map(ask)))
        expect(installations).toEqual([
          {
            one: { nodes: [{ name: 'a' }] },
            all: { totalCount: 2, nodes: [{ name: 'a' }, { name: 'b' }] },
          },
        ]);
    } finally {
      server().database.query = send;
    }
    const pages = sent.filter((text) => text.includes('github_fact_repository'));
    // Of users and of pages; a slow machine may take them in two batches.
    expect(sent.length).toBeLessThanOrEqual(4);
    expect(pages.length).toBeLessThanOrEqual(2);
  });

  test.each([
    ['a negative size', 'first: -1', '`first` must be from 0 to 100'],
    ['a size of 101', 'first: 101', '`first` must be from 0 to 100'],
    ['the largest size', 'first: 2147483647', '`first` must be from 0 to 100'],
    ['an empty cursor', 'after: ""', '`after` must be a cursor that this server has given'],
    [
      'a cursor of another server',
      'after: "bm9uZQ"',
      '`after` must be a cursor that this server has given',
    ],
    [
      'a long cursor',
      `after: "${'A'.repeat(5_000)}"`,
      '`after` must be a cursor that this server has given',
    ],
  ])('are refused with %s, and all else is answered', async (_case, argument, message) => {
    const { me } = await installed();
    const query = `{ viewer { id installations { status repositories(${argument}) { totalCount } } } }`;
    const { data, errors } = await json(await server().graphql({ query }, { as: me }));
    expect(data).toEqual({
      viewer: { id: me, installations: [{ status: 'ACTIVE', repositories: null }] },
    });
    expect(errors).toMatchObject([{ message, extensions: { code: 'BAD_USER_INPUT' } }]);
  });

  test('are refused with any other text as a cursor, and none fails', async () => {
    const { me, installation, first } = await installed();
    await addRepositories(server(), installation, [{ id: String(first), name: 'b' }]);
    const position = fc.tuple(
      fc.string({ unit: 'binary' }),
      fc.oneof(fc.bigInt().map(String), fc.string()),
    );
    const json64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const cursors = fc.oneof(
      fc.string(),
      fc.jsonValue().map(json64),
      position.map(json64),
      position.map((value) => `${json64(value)}=`),
    );
    await fc.assert(
      fc.asyncProperty(cursors, async (after) => {
        const response = await server().graphql({ query: PAGES, variables: { after } }, { as: me });
        const { data, errors } = await json(response);
        const codes = (errors ?? []).map((error: any) => error.extensions.code);
        expect([[], ['BAD_USER_INPUT']]).toContainEqual(codes);
        expect(data.viewer.installations[0].repositories === null).toBe(codes.length > 0);
      }),
      { numRuns: 200 },
    );
  });

  test('of too many installations are refused together, and fewer of each are answered', async () => {
    const me = await server().addUser();
    await server().addInstallations(me, 301);
    const query = `query ($first: Int) { viewer { installations { repositories(first: $first) { nodes { name } } } } }`;
    const ask = async (first: number) =>
      json(await server().graphql({ query, variables: { first } }, { as: me }));
    expect((await ask(33)).errors).toBeUndefined();
    const { data, errors } = await ask(34);
    expect(data).toEqual({ viewer: null });
    expect(errors).toMatchObject([
      {
        message:
          'The query has pages of 34 rows for each of 301 items (`first`); at most 10000 rows are allowed in all',
        path: ['viewer', 'installations'],
        extensions: { code: 'QUERY_TOO_COMPLEX' },
      },
    ]);
  });

  test('of no rows count as well, as they are read', async () => {
    const me = await server().addUser();
    await server().addInstallations(me, 340);
    const pages = Array.from(
      { length: 30 },
      (_, n) => `a${n}: repositories(first: 0) { totalCount }`,
    );
    const query = `{ viewer { installations { ${pages.join(' ')} } } }`;
    const { errors } = await json(await server().graphql({ query }, { as: me }));
    expect(errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX' } }]);
  });
});
