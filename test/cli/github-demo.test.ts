import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DEMO_USER } from '../../src/explore/demo-data.js';
import { Agent } from '../helpers/agent.js';
import { json } from '../helpers/server.js';
import { cli, type Started, startCli, until } from './process.js';

describe('github demo', () => {
  const folder = join(process.env.TEST_TEMP ?? '', randomUUID());
  const env = { DATA_DIR: folder, PORT: '0' };
  let demo: Started;
  let url: string;
  let cookie: string;
  let agent: Agent;

  async function start(): Promise<void> {
    demo = startCli(['github', 'demo'], env, { input: true });
    [, url = ''] = await demo.printed(/ready at (\S+)/);
    await demo.printed(/GitHub is played here/);
    [, cookie = ''] = await demo.printed(/-b '([^']+)'/);
    agent = new Agent();
    const [name = '', value = ''] = cookie.split(/=(.*)/s);
    agent.cookies.set(new URL(url).host, new Map([[name, value]]));
  }

  /** As a person who chooses octocat on GitHub's page. */
  async function connect(): Promise<string> {
    const { url: page } = await agent.open(`${url}/github/connect`);
    return (await agent.open(`${page}&as=octocat`)).text;
  }

  beforeAll(start);
  afterAll(() => demo?.stop('SIGKILL'));

  const ids = async (): Promise<string[]> => {
    const response = await fetch(`${url}/api/users/${DEMO_USER}/installations`, {
      headers: { cookie },
    });
    const rows = await json(response);
    return rows.map((row: any) => String(row.github_installation_id));
  };
  /** @returns what was printed since */
  async function type(line: string, answer: RegExp): Promise<string> {
    const from = demo.stdout().length;
    demo.type(line);
    await until(() => answer.test(demo.stdout().slice(from)));
    return demo.stdout().slice(from);
  }
  const idOf = async (login: string) => {
    const pattern = new RegExp(`^${login}: \\w+, (\\d+)$`, 'm');
    return pattern.exec(await type('list', new RegExp(`^${login}: .*\n`, 'm')))?.[1];
  };

  test('shows the demo user what GitHub lists, once the user has connected', async () => {
    const installed = [await idOf('acme'), await idOf('octocat')];
    expect((await ids()).filter((id) => installed.includes(id))).toEqual([]);
    expect(await connect()).toContain('acme</dt><dd>in your list');
    expect(await ids()).toEqual(expect.arrayContaining(installed));
  });

  test('hides what the demo user has no part in any more', async () => {
    const id = String(await idOf('acme'));
    await type('leave acme octocat', /organization\.member_removed → 2\d\d/);
    expect(await ids()).not.toContain(id);
    await type('join acme octocat', /organization\.member_added → 2\d\d/);
    await until(async () => (await ids()).includes(id));
  });

  test('says which commands there are, and what is wrong with one', async () => {
    expect(await type('help', /show this/)).toMatch(/suspend <account>/);
    for (const [line, message] of [
      ['suspend nobody', /error: there is no account nobody/],
      ['suspend', /error: missing required argument/],
      ['suspend acme now', /error: too many arguments/],
      ['paint acme', /error: unknown command 'paint'/],
      ['install ../acme', /error: \.\.\/acme is no name/],
    ] as const) {
      await type(line, message);
    }
  });

  test('shows what a person does at GitHub', async () => {
    await type('install initech printer', /installation\.created → 2\d\d/);
    const id = String(await idOf('initech'));
    await until(async () => (await ids()).includes(id));
    await type('suspend initech', /installation\.suspend → 2\d\d/);
    await type('unsuspend initech', /installation\.unsuspend → 2\d\d/);
    await type('rename initech initrode', /installation_target\.renamed → 2\d\d/);
    await type('add initrode stapler', /installation_repositories\.added → 2\d\d/);
    await type('privatize initrode stapler', /repository\.privatized → 2\d\d/);
    await type('remove initrode printer', /installation_repositories\.removed → 2\d\d/);
    await type('uninstall initrode', /installation\.deleted → 2\d\d/);
    await until(async () => !(await ids()).includes(id));
  });

  test('leaves nothing behind, and begins anew', async () => {
    const before = [await idOf('acme'), await idOf('octocat')];
    expect(await demo.stop('SIGINT')).toBe(0);
    await start();
    await connect();
    const after = await ids();
    expect(after).toContain(await idOf('acme'));
    expect(after.filter((id) => before.includes(id))).toEqual([]);
    expect(await demo.stop('SIGINT')).toBe(0);
  });

  test('refuses another database, production and tests', async () => {
    const refused: Record<string, string>[] = [
      { DATABASE_URL: 'postgresql://127.0.0.1:1/none' },
      { NODE_ENV: 'production', SESSION_PASSWORD: 'x'.repeat(32) },
      { NODE_ENV: 'test' },
    ];
    const ended = refused.map((more) => cli(['github', 'demo'], { ...env, ...more }));
    for (const { code, stderr } of await Promise.all(ended))
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^github demo: .*DATABASE_URL/)]);
  });
});
