import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { useConnectScene, viewerOf } from '../helpers/connect.js';
import { describeOnEachDatabase } from '../helpers/databases.js';

const SERVED = 'served';

describeOnEachDatabase('A server for some accounts', (kind) => {
  const scene = useConnectScene(kind, { GITHUB_ALLOWED_ACCOUNTS: 'Served, nobody' });
  const install = async (login: string, member: ReturnType<typeof account>) => {
    const { world, actions, app } = scene().github;
    const organization = world.addAccount(login);
    world.membersOf(organization).add(member);
    const installation = actions.install(app, organization);
    await world.deliveries.settled();
    return installation;
  };
  const account = () => scene().github.world.addAccount(`person-${randomUUID()}`, 'User');

  test('links no others, and acknowledges their deliveries', async () => {
    const me = await scene().person();
    const served = await install(SERVED, me.github);
    const other = await install('other', me.github);
    const { log } = scene().github.world.deliveries;
    expect(log.slice(-2).map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    const { text } = await scene().connect(me);
    expect(text).toContain(`${SERVED}</dt><dd>in your list`);
    expect(text).toContain('this server does not serve the account');
    expect(await scene().listOf(me)).toEqual([String(served.id)]);
    // A login that is renamed away, and taken by a stranger.
    const { actions, world } = scene().github;
    actions.renameAccount(served.account, 'renamed');
    await world.deliveries.settled();
    const stranger = await install(SERVED, me.github);
    await scene().connect(me);
    expect(await scene().listOf(me)).toEqual([String(served.id)]);
    expect([other.id, stranger.id]).not.toContain(served.id);
  });

  test('asks nobody to connect again for the sake of others', async () => {
    const reconnects = async (login: string) => {
      const me = await scene().person();
      await install(login, me.github);
      await scene().connect(me);
      await scene().sql('UPDATE github_grant SET expires_at = now() WHERE user_id = $1', [
        me.userId,
      ]);
      return viewerOf(scene(), me, 'needsReconnect');
    };
    expect(await reconnects('another')).toEqual({ needsReconnect: false });
    expect(await reconnects('nobody')).toEqual({ needsReconnect: true });
  });
});
