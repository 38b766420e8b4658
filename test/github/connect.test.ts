import { expect, test } from '@jest/globals';
import type { Installation } from '../../src/explore/demo-github/model.js';
import { until } from '../cli/process.js';
import { Agent } from '../helpers/agent.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { useGithubAndServer } from '../helpers/github.js';
import { json } from '../helpers/server.js';

describeOnEachDatabase('Connecting', (kind) => {
  const scene = useGithubAndServer(kind);

  test('shows a colleague’s installation, with its evidence, and leaves no token at GitHub', async () => {
    const { github, server } = scene();
    const { world, actions, app } = github;
    const organization = world.addAccount('colleagues');
    const me = world.addAccount('me', 'User');
    world.membersOf(organization).add(me);
    const { id } = actions.install(app, organization);
    await world.deliveries.settled();
    const user = await server.addUser();
    const agent = await new Agent().signIn(server.url, user);
    world.signedIn = me;
    const { status, text } = await agent.open(`${server.url}/github/connect`);
    expect([status, text]).toEqual([
      200,
      expect.stringContaining('colleagues</dt><dd>in your list'),
    ]);
    expect(world.userTokens.size).toBe(0);
    const query = `{ viewer { githubAccount { id login } needsReconnect
      installations { githubInstallationId needsReconnect evidence { kind provedAt expiresAt } } } }`;
    const { data } = await json(await server.graphql({ query }, { as: user }));
    expect(data.viewer).toEqual({
      githubAccount: { id: String(me.id), login: 'me' },
      needsReconnect: false,
      installations: [
        {
          githubInstallationId: String(id),
          needsReconnect: false,
          evidence: expect.arrayContaining([
            { kind: 'OWN_PROOF', provedAt: expect.any(String), expiresAt: expect.any(String) },
          ]),
        },
      ],
    });
  });

  test('is offered with the App’s pages, and what an owner has yet to accept', async () => {
    const { github, server } = scene();
    const { world, actions, app } = github;
    const asked = app.permissions;
    app.permissions = { metadata: 'read' };
    const me = world.addAccount('drifting', 'User');
    const { id } = actions.install(app, me);
    app.permissions = asked;
    await world.deliveries.settled();
    const user = await server.addUser([String(id)]);
    const query = `{ githubApp { slug name url installUrl connectUrl }
      viewer { installations { pendingPermissions { permissions { name level } url } evidence { kind } } } }`;
    const ask = async () => json(await server.graphql({ query }, { as: user }));
    await until(async () => (await ask()).data.viewer.installations[0].pendingPermissions !== null);
    const page = `https://github.com/apps/${app.slug}`;
    expect(await ask()).toEqual({
      data: {
        githubApp: {
          slug: app.slug,
          name: app.name,
          url: page,
          installUrl: `${page}/installations/new`,
          connectUrl: '/github/connect',
        },
        viewer: {
          installations: [
            {
              pendingPermissions: {
                permissions: [{ name: 'members', level: 'read' }],
                url: `https://github.com/settings/installations/${id}/permissions/update`,
              },
              // The row is another program's.
              evidence: [],
            },
          ],
        },
      },
    });
    actions.acceptPermissions([...world.installations.values()].at(-1) as Installation);
    await world.deliveries.settled();
    await until(async () => (await ask()).data.viewer.installations[0].pendingPermissions === null);
  });
});
