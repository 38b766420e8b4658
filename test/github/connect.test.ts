import { expect, test } from '@jest/globals';
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
});
