import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { until } from '../cli/process.js';
import { type ConnectScene, type Person, useConnectScene, viewerOf } from '../helpers/connect.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { rateLimited } from '../helpers/github.js';
import { GRANTS } from '../helpers/grants.js';
import { cookieOf } from '../helpers/server.js';

/** What a user does, and which installations are in the list then. */
type Way = (scene: ConnectScene, me: Person) => Promise<readonly { id: number }[]>;

const settled = ({ github }: ConnectScene) => github.world.deliveries.settled();

const organizationAt = ({ github: { world } }: ConnectScene) =>
  world.addAccount(`org-${randomUUID()}`);

/** As GitHub knows the user from the session. */
async function knowAccount({ sql }: ConnectScene, { userId, github }: Person): Promise<void> {
  await sql("INSERT INTO github_identity (user_id, github_id, source) VALUES ($1, $2, 'session')", [
    userId,
    github.id,
  ]);
}

const WAYS: Record<string, Way> = {
  'a direct installation, after which GitHub sends a code of its own': async (scene, me) => {
    const { github, server } = scene;
    const one = github.actions.install(github.app, me.github);
    await settled(scene);
    const page = new URL(`${github.url}/login/oauth/authorize`);
    page.search = `client_id=${github.app.clientId}&redirect_uri=${server.url}/github/callback`;
    github.world.signedIn = me.github;
    const answer = await fetch(page, { redirect: 'manual' });
    const back = new URL(answer.headers.get('location') ?? '');
    back.searchParams.set('installation_id', String(one.id));
    back.searchParams.set('setup_action', 'install');
    const { via, text } = await me.agent.open(back.href);
    // That code is nobody's proof: the flow is begun.
    expect(via).toContainEqual(expect.stringContaining('code_challenge='));
    expect(text).toContain('in your list');
    return [one];
  },
  'a direct installation, after which GitHub sends no code': async (scene, me) => {
    const one = scene.github.actions.install(scene.github.app, me.github);
    await settled(scene);
    const path = `/github/setup?installation_id=${one.id}&setup_action=install`;
    expect((await scene.connect(me, path)).text).toContain('in your list');
    return [one];
  },
  'an update of the selection': async (scene, me) => {
    const one = await scene.organization(me.github);
    await scene.connect(me, `/github/setup?installation_id=${one.id}&setup_action=update`);
    return [one];
  },
  'an installation of a colleague, without reinstalling': async (scene, me) => {
    const one = await scene.organization(me.github);
    await scene.connect(me);
    return [one];
  },
  'an approval that is requested, and then granted': async (scene, me) => {
    const { github } = scene;
    await knowAccount(scene, me);
    const organization = organizationAt(scene);
    github.actions.request(github.app, organization, me.github);
    const { status, text } = await scene.connect(me, '/github/setup?setup_action=request');
    expect([status, text]).toEqual([200, expect.stringContaining('waits for an owner')]);
    const requests = () =>
      viewerOf(scene, me, 'installationRequests { account { login } requestedAt }');
    await until(async () => (await requests()).installationRequests.length > 0);
    expect(await requests()).toEqual({
      installationRequests: [
        { account: { login: organization.login }, requestedAt: expect.any(String) },
      ],
    });
    const people = { requestedBy: me.github };
    const one = github.actions.install(github.app, organization, null, people);
    await settled(scene);
    expect((await requests()).installationRequests).toEqual([]);
    return [one];
  },
  'a request, after which GitHub sends the callback': async (scene, me) => {
    const { text } = await scene.connect(me, '/github/callback?setup_action=request&code=x');
    expect(text).toContain('waits for an owner');
    return [];
  },
  'an own installation that was made before signing up': async (scene, me) => {
    const one = scene.github.actions.install(scene.github.app, me.github);
    await settled(scene);
    await scene.server.database.dataSource.transaction((manager) =>
      GRANTS.see(manager, me.userId, { id: String(me.github.id), login: null }),
    );
    return [one];
  },
  'an installation for an organization that was made before signing up': async (scene, me) => {
    const { github } = scene;
    const people = { by: me.github };
    const one = github.actions.install(github.app, organizationAt(scene), null, people);
    await settled(scene);
    await scene.server.database.dataSource.transaction((manager) =>
      GRANTS.see(manager, me.userId, { id: String(me.github.id), login: null }),
    );
    return [one];
  },
  'an installation that is made anew': async (scene, me) => {
    const { github } = scene;
    await knowAccount(scene, me);
    const people = { by: me.github };
    const organization = organizationAt(scene);
    const first = github.actions.install(github.app, organization, null, people);
    await settled(scene);
    github.actions.uninstall(first);
    const second = github.actions.install(github.app, organization, null, people);
    await settled(scene);
    return [second];
  },
  'a repository that moves to another installation': async (scene, me) => {
    const [from, to] = [await scene.organization(me.github), await scene.organization(me.github)];
    await scene.connect(me);
    const moved = scene.github.world.reached(from).find(({ name }) => name === 'public');
    if (moved) scene.github.actions.renameRepository(moved, 'moved');
    if (moved) scene.github.actions.transferRepository(moved, to.account);
    await settled(scene);
    const names = async () => {
      const fields = 'installations { githubInstallationId repositories { nodes { name } } }';
      const { installations } = await viewerOf(scene, me, fields);
      return Object.fromEntries(
        installations.map((one: any) => [
          one.githubInstallationId,
          one.repositories?.nodes.map(({ name }: any) => name),
        ]),
      );
    };
    const now = { [from.id]: ['private'], [to.id]: ['moved', 'private', 'public'] };
    await until(async () => (await names())[String(to.id)]?.includes('moved'));
    expect(await names()).toEqual(now);
    return [from, to];
  },
  'an account that is renamed': async (scene, me) => {
    const one = await scene.organization(me.github);
    await scene.connect(me);
    const login = `renamed-${randomUUID()}`;
    scene.github.actions.renameAccount(one.account, login);
    await settled(scene);
    const { installations } = await viewerOf(scene, me, 'installations { account { login } }');
    expect(installations).toEqual([{ account: { login } }]);
    return [one];
  },
  'a user who is renamed at GitHub': async (scene, me) => {
    const one = await scene.organization(me.github);
    await scene.connect(me);
    me.github.login = `renamed-${randomUUID()}`;
    await scene.connect(me);
    const { githubAccount } = await viewerOf(scene, me, 'githubAccount { login }');
    expect(githubAccount).toEqual({ login: me.github.login });
    return [one];
  },
  'a suspension, and its end': async (scene, me) => {
    const one = await scene.organization(me.github);
    scene.github.actions.suspend(one);
    await settled(scene);
    expect((await scene.connect(me)).text).toContain('suspended at GitHub');
    scene.github.actions.unsuspend(one);
    await settled(scene);
    await until(async () => !(await scene.connect(me)).text.includes('suspended at GitHub'));
    return [one];
  },
  'a member who may read one repository': async (scene, me) => {
    const one = await scene.organization();
    const [repository] = scene.github.world
      .reached(one)
      .filter(({ visibility }) => visibility === 'private');
    if (repository) repository.readers = new Set([me.github]);
    await scene.connect(me);
    const { installations } = await viewerOf(
      scene,
      me,
      'installations { repositories { nodes { name } } }',
    );
    expect(installations[0].repositories.nodes).toEqual([{ name: 'private' }, { name: 'public' }]);
    return [one];
  },
  'a member who may not read the private repository': async (scene, me) => {
    const one = await scene.organization(me.github);
    for (const repository of scene.github.world.reached(one)) repository.readers = new Set();
    await scene.connect(me);
    const { installations } = await viewerOf(
      scene,
      me,
      'installations { repositories { totalCount nodes { name } } }',
    );
    expect(installations[0].repositories).toEqual({ totalCount: 1, nodes: [{ name: 'public' }] });
    return [one];
  },
  'a permission that is given at the second attempt': async (scene, me) => {
    const one = await scene.organization(me.github);
    const { status, text } = await scene.connect(me, '/github/callback?error=access_denied');
    expect([status, text]).toEqual([200, expect.stringContaining('Nothing was connected')]);
    expect(await scene.listOf(me)).toEqual([]);
    await scene.connect(me);
    return [one];
  },
  'an unlinked installation that is linked again by its button': async (scene, me) => {
    const one = await scene.organization(me.github);
    await scene.connect(me);
    const row = await scene.rowIdOf(me, one);
    await fetch(`${scene.server.url}/api/users/${me.userId}/installations/${row}`, {
      method: 'DELETE',
      headers: { cookie: await cookieOf(me.userId) },
    });
    const { text } = await scene.connect(me);
    const [, path = ''] = /href="([^"]*installation_id=[^"]*)"/.exec(text) ?? [];
    await scene.connect(me, path);
    return [one];
  },
  'a proof that ends soon, and is made again': async (scene, me) => {
    const one = await scene.organization(me.github);
    await scene.connect(me);
    const fields = 'needsReconnect installations { needsReconnect }';
    const of = (needsReconnect: boolean) => ({
      needsReconnect,
      installations: [{ needsReconnect }],
    });
    expect(await viewerOf(scene, me, fields)).toEqual(of(false));
    await scene.sql(
      `UPDATE github_grant SET proved_at = now() - interval '5 days', expires_at = now() + interval '2 days'
      WHERE user_id = $1`,
      [me.userId],
    );
    expect(await viewerOf(scene, me, fields)).toEqual(of(true));
    await scene.connect(me);
    expect(await viewerOf(scene, me, fields)).toEqual(of(false));
    return [one];
  },
  'a proof that has ended, and is made again': async (scene, me) => {
    const one = await scene.organization(me.github);
    await scene.connect(me);
    for (const change of ['github_grant SET expires_at', 'github_link SET ends_at'])
      await scene.sql(`UPDATE ${change} = now() WHERE user_id = $1`, [me.userId]);
    await until(async () => (await scene.listOf(me)).length === 0);
    expect(await viewerOf(scene, me, 'needsReconnect')).toEqual({ needsReconnect: true });
    await scene.connect(me);
    expect(await viewerOf(scene, me, 'needsReconnect')).toEqual({ needsReconnect: false });
    return [one];
  },
  'an approver who has never signed in here': async (scene, me) => {
    const one = await scene.organization(me.github);
    me.agent.signOut(scene.server.url);
    const path = `/github/setup?installation_id=${one.id}&setup_action=install`;
    const { status, text } = await scene.connect(me, path);
    expect([status, text]).toEqual([200, expect.stringContaining('The App is at work')]);
    expect(text).not.toContain(one.account.login);
    return [];
  },
  'two tabs at once': async (scene, me) => {
    const one = await scene.organization(me.github);
    const [first, second] = [await scene.authorize(me), await scene.authorize(me)];
    for (const { href } of [second, first]) expect((await me.agent.open(href)).status).toBe(200);
    return [one];
  },
  'a page that is loaded again': async (scene, me) => {
    const one = await scene.organization(me.github);
    const { href } = await scene.authorize(me);
    const pages = [await me.agent.open(href), await me.agent.open(href)];
    pages.push(await me.agent.open(pages[0]?.url ?? ''));
    expect(new Set(pages.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    return [one];
  },
  'installations on several pages of GitHub': async (scene, me) => {
    const all = [];
    for (let n = 0; n < 5; n++) all.push(await scene.organization(me.github));
    scene.github.world.longestPage = 2;
    await scene.connect(me);
    scene.github.world.longestPage = 100;
    return all;
  },
  'an App that is not installed yet, and then is': async (scene, me) => {
    const { text } = await scene.connect(me);
    expect(text).toContain('There is no installation yet');
    expect(text).toContain(`/apps/${scene.github.app.slug}/installations/new`);
    const one = scene.github.actions.install(scene.github.app, me.github);
    await settled(scene);
    await scene.connect(me, `/github/setup?installation_id=${one.id}&setup_action=install`);
    return [one];
  },
  'a membership that begins later': async (scene, me) => {
    await knowAccount(scene, me);
    scene.github.app.permissions = { metadata: 'read', members: 'read' };
    const one = await scene.organization();
    scene.github.actions.addMember(one.account, me.github);
    await settled(scene);
    await until(async () => (await scene.listOf(me)).length > 0);
    const { installations } = await viewerOf(scene, me, 'installations { evidence { kind } }');
    expect(installations).toEqual([{ evidence: [{ kind: 'MEMBERSHIP' }] }]);
    return [one];
  },
  'a list that GitHub takes long for': async (scene, me) => {
    const one = await scene.organization(me.github);
    scene.github.fault(({ path }) =>
      path.endsWith('/repositories') && path.startsWith('/user') ? { delay: 4_000 } : undefined,
    );
    const { status, text, url } = await scene.connect(me);
    expect([status, text]).toEqual([200, expect.stringContaining('http-equiv="refresh"')]);
    expect(text).toContain('Asking GitHub');
    await until(async () => (await me.agent.open(url)).text.includes('GitHub is connected'));
    return [one];
  },
  'a GitHub that fails at first': async (scene, me) => {
    const one = await scene.organization(me.github);
    scene.github.fault(({ path }) => (path === '/user' ? { status: 404 } : undefined));
    const { status, text } = await scene.connect(me);
    expect([status, text]).toEqual([502, expect.stringContaining('GitHub does not answer')]);
    scene.github.fault(null);
    await scene.connect(me);
    return [one];
  },
  'a GitHub that wants to be left alone': async (scene, me) => {
    const one = await scene.organization(me.github);
    scene.github.fault(({ path }) =>
      path.startsWith('/user/inst') ? rateLimited(600) : undefined,
    );
    const { status, text } = await scene.connect(me);
    expect([status, text]).toEqual([503, expect.stringMatching(/left alone for 1[01] minutes/)]);
    scene.github.fault(null);
    await scene.connect(me);
    return [one];
  },
};

describeOnEachDatabase('A user has what is theirs by', (kind) => {
  const scene = useConnectScene(kind);

  test.each(Object.entries(WAYS))('%s', async (_name, go) => {
    const me = await scene().person();
    const expected = (await go(scene(), me)).map(({ id }) => String(id));
    expect((await scene().listOf(me)).sort()).toEqual(expected.sort());
    expect(scene().github.world.userTokens.size).toBe(0);
  });
});

describe('Users of an Enterprise Server', () => {
  const RETURN_URL = 'https://app.example.com/settings?tab=github';
  const scene = useConnectScene('PGlite', ({ url }) => ({
    GITHUB_API_URL: `${url}/api/v3`,
    GITHUB_RETURN_URL: RETURN_URL,
    PUBLIC_URL: 'https://api.example.com',
  }));

  test('connect there, and go on to the page of the web application', async () => {
    const { github, server } = scene();
    const me = await scene().person();
    const one = await scene().organization(me.github);
    // As the proxy that terminates TLS passes them on.
    const own = (url: string) => url.replace('https://api.example.com', server.url);
    const toGithub = await me.agent.open(`${server.url}/github/connect`, { stopAt: github.url });
    expect([...(me.agent.cookies.get(new URL(server.url).host)?.keys() ?? [])]).toContain(
      '__Host-github-flow',
    );
    expect(toGithub.headers.get('set-cookie')).toMatch(
      /^__Host-github-flow=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=900; Secure$/,
    );
    github.world.signedIn = me.github;
    const back = await me.agent.open(toGithub.url, { stopAt: 'https://api.example.com' });
    const result = await me.agent.open(own(back.url), { stopAt: 'https://api.example.com' });
    const end = await me.agent.open(own(result.url), { stopAt: 'https://app.example.com' });
    expect(end.url).toBe(RETURN_URL);
    expect(await scene().listOf(me)).toEqual([String(one.id)]);
  });
});
