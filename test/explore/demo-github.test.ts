import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Account, App } from '../../src/explore/demo-github/model.js';
import { createGithubClient } from '../../src/github/client.js';
import { privateKeyOf } from '../../src/github/private-key.js';
import { KEYS, randomOf, useGithub } from '../helpers/github.js';
import { WEBHOOK_PATH, WEBHOOK_SECRET } from '../helpers/webhooks.js';

interface Received {
  headers: IncomingHttpHeaders;
  text: string;
}

/** What a server of the Apps hears from the GitHub of tests and demonstrations. */
describe('the GitHub to test against', () => {
  const github = useGithub();
  let server: Server;
  let status = 202;
  const received: Received[] = [];

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const chunks = await request.toArray();
      received.push({ headers: request.headers, text: Buffer.concat(chunks).toString() });
      response.writeHead(request.url === WEBHOOK_PATH ? status : 404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    github().deliverTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterEach(() => {
    status = 202;
    received.length = 0;
  });
  afterAll(() => {
    server?.close();
  });

  let accounts = 0;
  const organization = (): Account => {
    accounts += 1;
    return github().world.addAccount(`organization-${accounts}`);
  };
  /** @returns what arrived, as `event.action` */
  const heard = async () => {
    await github().world.deliveries.settled();
    return received.splice(0).map(({ headers, text }) => {
      const { action } = JSON.parse(text);
      return `${headers['x-github-event']}${action ? `.${action}` : ''}`;
    });
  };
  const asApp = (app: App) =>
    createGithubClient({
      appId: String(app.id),
      privateKey: privateKeyOf(KEYS.pem) as string,
      apiUrl: github().url,
      log: { warn: () => {} },
      second: 10,
    }).app;

  test('signs what it delivers, and names the App', async () => {
    const { actions, app, world } = github();
    const { id } = actions.install(app, organization());
    await world.deliveries.settled();
    const [{ headers, text } = { headers: {}, text: '' }] = received;
    const hmac = createHmac('sha256', WEBHOOK_SECRET).update(text).digest('hex');
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': expect.stringMatching(/^GitHub-Hookshot\//),
      'x-github-event': 'installation',
      'x-github-hook-installation-target-id': String(app.id),
      'x-github-hook-installation-target-type': 'integration',
      'x-hub-signature-256': `sha256=${hmac}`,
    });
    expect(JSON.parse(text)).toMatchObject({ action: 'created', installation: { id } });
  });

  test('says of each action what GitHub says', async () => {
    const { actions, app } = github();
    const [account, other] = [organization(), organization()];
    const rocket = actions.createRepository(account, { name: 'rocket' });
    const anvil = actions.createRepository(account, { name: 'anvil' });
    const installation = actions.install(app, account, [rocket]);
    const onAll = actions.install(app, other);
    expect(await heard()).toEqual(['installation.created', 'installation.created']);
    const steps: [() => unknown, string[]][] = [
      [() => actions.privatize(anvil), []],
      [() => actions.addToSelection(installation, anvil), ['installation_repositories.added']],
      [() => actions.publicize(anvil), ['public', 'repository.publicized']],
      [() => actions.renameRepository(anvil, 'hammer'), ['repository.renamed']],
      [
        () => actions.renameAccount(account, `renamed-${account.id}`),
        ['installation_target.renamed', 'organization.renamed'],
      ],
      [
        () => actions.transferRepository(anvil, other),
        [
          'installation_repositories.added',
          'installation_repositories.removed',
          'repository.transferred',
        ],
      ],
      [
        () => actions.deleteRepository(anvil),
        ['installation_repositories.removed', 'repository.deleted'],
      ],
      [() => actions.suspend(installation), ['installation.suspend']],
      [() => actions.removeFromSelection(installation, rocket), []],
      [() => actions.unsuspend(installation), ['installation.unsuspend']],
      [() => actions.uninstall(installation), ['installation.deleted']],
      [() => actions.uninstall(onAll), ['installation.deleted']],
      [() => actions.revokeAuthorization(app, account), ['github_app_authorization.revoked']],
    ];
    for (const [act, events] of steps) {
      act();
      expect((await heard()).sort()).toEqual(events);
    }
  });

  test('tells two Apps of one event with one GUID', async () => {
    const { actions, app, world } = github();
    const second = world.addApp({ publicKey: KEYS.publicKey, webhook: app.webhook });
    const account = organization();
    for (const one of [app, second]) actions.install(one, account);
    await heard();
    actions.renameAccount(account, `renamed-${account.id}`);
    await world.deliveries.settled();
    const keys = received.map(({ headers }) => headers['x-github-delivery']);
    expect(keys).toHaveLength(4);
    expect(new Set(keys).size).toBe(2);
  });

  test('lists deliveries by pages, the newest first, and repeats one with its GUID', async () => {
    const { actions, world } = github();
    const app = world.addApp({ publicKey: KEYS.publicKey, webhook: github().app.webhook });
    status = 500;
    for (let count = 0; count < 5; count++) actions.ping(app);
    await heard();
    const client = asApp(app);
    const list = await client.paginate('GET /app/hook/deliveries', { per_page: 2 });
    const known = world.deliveries.log.filter((delivery) => delivery.app === app);
    expect(list.map(({ id }) => String(id))).toEqual(known.map(({ id }) => id).reverse());
    expect(list[0]).toMatchObject({ status_code: 500, event: 'ping', redelivery: false });
    expect(BigInt(known[0]?.id ?? 0)).toBeGreaterThan(2n ** 53n);
    status = 202;
    await client.request('POST /app/hook/deliveries/{delivery_id}/attempts', {
      delivery_id: known[1]?.id as never,
    });
    await world.deliveries.settled();
    expect(received.map(({ headers }) => headers['x-github-delivery'])).toEqual([known[1]?.guid]);
    const { data } = await client.request('GET /app/hook/deliveries', { status: 'success' });
    expect(data).toMatchObject([{ guid: known[1]?.guid, redelivery: true, status_code: 202 }]);
  });

  test('loses, doubles and reorders what a test holds back, the same for a seed', async () => {
    const { actions, app } = github();
    const account = organization();
    const orders: string[] = [];
    for (let run = 0; run < 2; run++) {
      github().hold();
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
        const repository = actions.createRepository(account, { name: `${name}${run}` });
        actions.uninstall(actions.install(app, account, [repository]));
        actions.deleteRepository(repository);
      }
      expect(await heard()).toEqual([]);
      const lost = await github().misdeliver({ random: randomOf(7), lost: 0.2, doubled: 0.3 });
      orders.push(`${lost.map(({ delivery }) => delivery.action)} ${await heard()}`);
    }
    expect(orders[0]).toBe(orders[1]);
    await github().release();
  });
});
