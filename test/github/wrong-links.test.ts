import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { Installation } from '../../src/explore/demo-github/model.js';
import { until } from '../cli/process.js';
import { type ConnectScene, type Person, useConnectScene } from '../helpers/connect.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { KEYS } from '../helpers/github.js';
import { cookieOf, json } from '../helpers/server.js';

/** An attacker, a victim, and an installation that only the victim may see at GitHub. */
interface Attack extends ConnectScene {
  attacker: Person;
  victim: Person;
  target: Installation;
}

const STATE = 'x'.repeat(43);

/** Each tries to see what is not the attacker's. @returns the status of its last answer, where one decides */
const ATTEMPTS: Record<string, (attack: Attack) => Promise<unknown>> = {
  'a forged installation id at the setup URL': ({ attacker, target, connect }) =>
    connect(attacker, `/github/setup?installation_id=${target.id}&setup_action=install`),
  'a forged installation id of an update': ({ attacker, target, connect }) =>
    connect(attacker, `/github/setup?installation_id=${target.id}&setup_action=update`),
  'a forged installation id when connecting': ({ attacker, target, connect }) =>
    connect(attacker, `/github/connect?installation_id=${target.id}`),
  'a forged installation id beside a right code and state': async (attack) => {
    const url = await attack.authorize(attack.attacker);
    url.searchParams.set('installation_id', String(attack.target.id));
    url.searchParams.set('setup_action', 'install');
    await attack.attacker.agent.open(url.href);
  },
  'several installation ids': ({ attacker, target, connect }) =>
    connect(attacker, `/github/connect?installation_id=${target.id}&installation_id=${target.id}`),
  'an installation id with a sign': ({ attacker, target, connect }) =>
    connect(attacker, `/github/connect?installation_id=%2B${target.id}`),
  'an installation id that is SQL': ({ attacker, connect }) =>
    connect(attacker, "/github/connect?installation_id=1'%20OR%20'1'='1"),
  'a callback with nothing': ({ attacker, connect }) => connect(attacker, '/github/callback'),
  'an omitted code': async (attack) => {
    const url = await attack.authorize(attack.attacker);
    url.searchParams.delete('code');
    url.searchParams.set('installation_id', String(attack.target.id));
    await attack.attacker.agent.open(url.href, { stopAt: attack.github.url });
  },
  'an empty code': async (attack) => {
    const url = await attack.authorize(attack.attacker);
    url.searchParams.set('code', '');
    await attack.attacker.agent.open(url.href);
  },
  'a made-up code': async (attack) => {
    const url = await attack.authorize(attack.attacker);
    url.searchParams.set('code', 'made-up');
    await attack.attacker.agent.open(url.href);
  },
  'two codes': async (attack) => {
    const url = await attack.authorize(attack.attacker);
    url.searchParams.append('code', 'another');
    await attack.attacker.agent.open(url.href);
  },
  'an omitted state': async (attack) => {
    const url = await attack.authorize(attack.attacker);
    url.searchParams.delete('state');
    await attack.attacker.agent.open(url.href);
  },
  'a made-up state': ({ attacker, connect }) =>
    connect(attacker, `/github/callback?code=x&state=${STATE}`),
  'an endless state': ({ attacker, connect }) =>
    connect(attacker, `/github/callback?code=x&state=${'x'.repeat(4_000)}`),
  'the victim’s code with an own state': async (attack) => {
    const theirs = await attack.authorize(attack.victim);
    const own = await attack.authorize(attack.attacker);
    own.searchParams.set('code', theirs.searchParams.get('code') ?? '');
    await attack.attacker.agent.open(own.href);
  },
  'the victim’s state with an own code': async (attack) => {
    const theirs = await attack.authorize(attack.victim);
    const own = await attack.authorize(attack.attacker);
    own.searchParams.set('state', theirs.searchParams.get('state') ?? '');
    await attack.attacker.agent.open(own.href);
  },
  'the victim’s whole callback in the attacker’s browser': async (attack) => {
    const theirs = await attack.authorize(attack.victim);
    await attack.attacker.agent.open(theirs.href);
  },
  'the victim’s whole callback and flow cookie, with the attacker’s session': async (attack) => {
    const theirs = await attack.authorize(attack.victim);
    await attack.victim.agent.signIn(attack.server.url, attack.attacker.userId);
    await attack.victim.agent.open(theirs.href);
  },
  'the result page of the victim': async (attack) => {
    const { url } = await attack.connect(attack.victim);
    const { status, text } = await attack.attacker.agent.open(url);
    expect([status, text]).toEqual([400, expect.not.stringContaining('org-')]);
  },
  'the result page of the victim in the victim’s browser, signed in as another': async (attack) => {
    const { url } = await attack.connect(attack.victim);
    await attack.victim.agent.signIn(attack.server.url, attack.attacker.userId);
    const { status, text } = await attack.victim.agent.open(url);
    expect([status, text]).toEqual([400, expect.not.stringContaining('org-')]);
  },
  'a state that is used again with another code': async (attack) => {
    const own = await attack.authorize(attack.attacker);
    await attack.attacker.agent.open(own.href);
    const theirs = await attack.authorize(attack.victim);
    own.searchParams.set('code', theirs.searchParams.get('code') ?? '');
    await attack.attacker.agent.open(own.href);
  },
  'an expired state': async (attack) => {
    const url = await attack.authorize(attack.attacker);
    await attack.sql("UPDATE github_flow SET begun_at = begun_at - interval '11 minutes'");
    attack.github.world.membersOf(attack.target.account).add(attack.attacker.github);
    const { status } = await attack.attacker.agent.open(url.href);
    attack.github.world.membersOf(attack.target.account).delete(attack.attacker.github);
    expect(status).toBe(400);
  },
  'a code of another App': async (attack) => {
    const { world } = attack.github;
    const other = world.addApp({ publicKey: KEYS.publicKey });
    const own = await attack.authorize(attack.attacker);
    const page = new URL(`${attack.github.url}/login/oauth/authorize`);
    page.search = `client_id=${other.clientId}&redirect_uri=${attack.server.url}/github/callback`;
    const answer = await fetch(page, { redirect: 'manual' });
    const code = new URL(answer.headers.get('location') ?? '').searchParams.get('code');
    own.searchParams.set('code', code ?? '');
    await attack.attacker.agent.open(own.href);
  },
  'a code without the challenge of the flow': async (attack) => {
    const own = await attack.authorize(attack.attacker);
    const again = await attack.authorize(attack.attacker);
    own.searchParams.set('code', again.searchParams.get('code') ?? '');
    await attack.attacker.agent.open(own.href);
  },
  'the victim’s GitHub account, where another one is bound': async (attack) => {
    await attack.connect(attack.attacker);
    const as = { ...attack.attacker, github: attack.victim.github };
    const { status, text } = await attack.connect(as);
    expect([status, text]).toEqual([409, expect.stringContaining('another GitHub account')]);
  },
  'the victim’s GitHub account, where a session names another one': async (attack) => {
    const { sql, attacker, victim } = attack;
    await sql(
      "INSERT INTO github_identity (user_id, github_id, source) VALUES ($1, $2, 'session')",
      [attacker.userId, attacker.github.id],
    );
    const { status } = await attack.connect({ ...attacker, github: victim.github });
    expect(status).toBe(409);
  },
  'a callback without a session': async (attack) => {
    const url = await attack.authorize(attack.victim);
    attack.victim.agent.signOut(attack.server.url);
    expect((await attack.victim.agent.open(url.href)).status).toBe(401);
    expect(await attack.listOf(attack.victim)).toEqual([]);
  },
  'connecting without a session': async (attack) => {
    attack.attacker.agent.signOut(attack.server.url);
    expect((await attack.connect(attack.attacker)).status).toBe(401);
  },
  'a HEAD of the victim’s callback, which would use it up': async (attack) => {
    const url = await attack.authorize(attack.victim);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(405);
    expect((await attack.victim.agent.open(url.href)).status).toBe(200);
    expect(await attack.listOf(attack.victim)).toEqual([String(attack.target.id)]);
  },
  'an error text of GitHub that is HTML': async (attack) => {
    const { text } = await attack.connect(
      attack.attacker,
      '/github/callback?error=%3Cscript%3Ealert(1)%3C/script%3E',
    );
    expect(text).not.toContain('script');
    expect(text).toContain('unknown_error');
  },
  'an address to be sent to afterwards': async (attack) => {
    for (const name of ['return_to', 'redirect_uri', 'returnUrl', 'next']) {
      const { via } = await attack.connect(
        attack.attacker,
        `/github/connect?${name}=https://evil.example`,
      );
      expect(via.filter((url) => new URL(url).hostname !== '127.0.0.1')).toEqual([]);
    }
  },
  'a list that GitHub cuts to its second page': async (attack) => {
    const { github, attacker, victim } = attack;
    await attack.connect(victim);
    const second = await attack.organization(victim.github);
    github.world.longestPage = 1;
    await attack.connect(victim);
    github.world.longestPage = 100;
    expect((await attack.listOf(victim)).sort()).toEqual(
      [attack.target.id, second.id].map(String).sort(),
    );
    await attack.connect(attacker);
  },
  'an own proof that shows a private repository to somebody else': async (attack) => {
    const { victim, attacker, github, target } = attack;
    await attack.connect(victim);
    // A stranger with a foreign row of the same installation.
    await attack.sql(
      'INSERT INTO github_app_installation (neptun_user_id, github_installation_id) VALUES ($1, $2)',
      [attacker.userId, target.id],
    );
    const seen = await repositoriesOf(attack, attacker);
    expect(seen).toEqual({ names: ['public'], total: 1 });
    const [mine] = await attack
      .sql<{ id: number }>(
        'DELETE FROM github_app_installation WHERE neptun_user_id = $1 RETURNING id',
        [attacker.userId],
      )
      .then((rows: any) => rows[0] ?? rows);
    expect(mine).toBeDefined();
    expect(await repositoriesOf(attack, victim)).toEqual({
      names: ['private', 'public'],
      total: 2,
    });
    expect(github.world.userTokens.size).toBe(0);
  },
  'a cursor of a private repository': async (attack) => {
    const { victim, attacker, target, sql } = attack;
    await attack.connect(victim);
    await sql(
      'INSERT INTO github_app_installation (neptun_user_id, github_installation_id) VALUES ($1, $2)',
      [attacker.userId, target.id],
    );
    const [first] = await pageOf(attack, victim, '(first: 1)');
    const page = await pageOf(attack, attacker, `(first: 10, after: "${first?.cursor}")`);
    expect(page.map(({ node }) => node.name)).toEqual(['public']);
    await sql('DELETE FROM github_app_installation WHERE neptun_user_id = $1', [attacker.userId]);
  },
  'the imports of another’s row, by its id': async (attack) => {
    await attack.connect(attack.victim);
    const row = await attack.rowIdOf(attack.victim, attack.target);
    const answers = await Promise.all(
      [row, '999999999'].map((id) => imports(attack, attack.attacker, attack.attacker.userId, id)),
    );
    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
    const [one, other] = await Promise.all(answers.map((answer) => answer.text()));
    expect(one).toBe(other);
    const theirs = await imports(attack, attack.attacker, attack.victim.userId, row);
    expect([theirs.status, await theirs.text()]).toEqual([404, one]);
  },
  'the ETag of the victim’s imports': async (attack) => {
    await attack.connect(attack.victim);
    const row = await attack.rowIdOf(attack.victim, attack.target);
    const own = await imports(attack, attack.victim, attack.victim.userId, row);
    const etag = own.headers.get('etag') ?? '';
    const { status } = await imports(attack, attack.attacker, attack.victim.userId, row, {
      'if-none-match': etag,
    });
    expect([own.status, status]).toEqual([200, 404]);
  },
  'the imports of a foreign row': async (attack) => {
    const { attacker, target, sql } = attack;
    await sql(
      'INSERT INTO github_app_installation (neptun_user_id, github_installation_id) VALUES ($1, $2)',
      [attacker.userId, target.id],
    );
    const row = await attack.rowIdOf(attacker, target);
    const namesNow = async () =>
      (await json(await imports(attack, attacker, attacker.userId, row))).map(
        (item: any) => item.github_repository_name,
      );
    await until(async () => (await namesNow()).length > 0);
    expect(await namesNow()).toEqual(['public']);
    await sql('DELETE FROM github_app_installation WHERE neptun_user_id = $1', [attacker.userId]);
  },
  'the unlinking of another’s row': async (attack) => {
    await attack.connect(attack.victim);
    const row = await attack.rowIdOf(attack.victim, attack.target);
    for (const user of [attack.attacker.userId, attack.victim.userId]) {
      const { status } = await fetch(
        `${attack.server.url}/api/users/${user}/installations/${row}`,
        {
          method: 'DELETE',
          headers: { cookie: await cookieOf(attack.attacker.userId) },
        },
      );
      expect(status).toBe(404);
    }
    expect(await attack.listOf(attack.victim)).toEqual([String(attack.target.id)]);
  },
  'a page of another site that names what the victim has unlinked': async (attack) => {
    const { victim, target, server } = attack;
    await attack.connect(victim);
    await unlink(attack, victim, await attack.rowIdOf(victim, target));
    attack.github.world.signedIn = victim.github;
    const { text } = await victim.agent.open(
      `${server.url}/github/connect?installation_id=${target.id}`,
      { headers: { 'sec-fetch-site': 'cross-site' } },
    );
    expect(text).toContain('as you have unlinked it');
    expect(await attack.listOf(victim)).toEqual([]);
  },
  'a page of another site, seen by an old browser': async (attack) => {
    const { victim, target, server } = attack;
    await attack.connect(victim);
    await unlink(attack, victim, await attack.rowIdOf(victim, target));
    attack.github.world.signedIn = victim.github;
    await victim.agent.open(`${server.url}/github/connect?installation_id=${target.id}`, {
      headers: { referer: 'https://evil.example/' },
    });
    expect(await attack.listOf(victim)).toEqual([]);
  },
  'an unlinked installation that a general proof would bring back': async (attack) => {
    const { victim, target } = attack;
    await attack.connect(victim);
    await unlink(attack, victim, await attack.rowIdOf(victim, target));
    await attack.connect(victim);
    expect(await attack.listOf(victim)).toEqual([]);
  },
  'a race of two callbacks': async (attack) => {
    const url = await attack.authorize(attack.victim);
    const all = await Promise.all([
      attack.victim.agent.open(url.href),
      attack.victim.agent.open(url.href),
      attack.attacker.agent.open(url.href),
    ]);
    expect(all.map(({ status }) => status)).toEqual([200, 200, 400]);
    expect(await attack.listOf(attack.victim)).toEqual([String(attack.target.id)]);
    const grants = await attack.sql('SELECT FROM github_grant WHERE user_id = $1', [
      attack.victim.userId,
    ]);
    expect(grants).toHaveLength(1);
  },
  'a callback before the webhook': async (attack) => {
    const { github, attacker } = attack;
    github.hold();
    const account = github.world.addAccount(`org-${randomUUID()}`);
    const { id } = github.actions.install(github.app, account);
    await attack.connect(attacker, `/github/setup?installation_id=${id}&setup_action=install`);
    await github.release();
    expect(await attack.listOf(attacker)).toEqual([]);
  },
  'a callback while the webhook arrives': async (attack) => {
    const { github, attacker } = attack;
    const account = github.world.addAccount(`org-${randomUUID()}`);
    const { id } = github.actions.install(github.app, account);
    await attack.connect(attacker, `/github/setup?installation_id=${id}&setup_action=install`);
    await github.world.deliveries.settled();
    expect(await attack.listOf(attacker)).toEqual([]);
  },
  'what a removed member has seen': async (attack) => {
    const { github, attacker, target } = attack;
    github.world.membersOf(target.account).add(attacker.github);
    await attack.connect(attacker);
    expect(await attack.listOf(attacker)).toEqual([String(target.id)]);
    github.actions.removeMember(target.account, attacker.github);
    await github.world.deliveries.settled();
    expect(await attack.listOf(attacker)).toEqual([]);
    await attack.connect(attacker);
  },
  'what a revoked authorization has shown': async (attack) => {
    const { github, attacker, target } = attack;
    github.world.membersOf(target.account).add(attacker.github);
    await attack.connect(attacker);
    github.world.membersOf(target.account).delete(attacker.github);
    github.actions.revokeAuthorization(github.app, attacker.github);
    await github.world.deliveries.settled();
  },
  'what GitHub does not list any more': async (attack) => {
    const { github, attacker, target } = attack;
    github.world.membersOf(target.account).add(attacker.github);
    await attack.connect(attacker);
    github.world.membersOf(target.account).delete(attacker.github);
    await attack.connect(attacker);
  },
  'what an ended proof has shown': async (attack) => {
    const { github, attacker, target } = attack;
    github.world.membersOf(target.account).add(attacker.github);
    await attack.connect(attacker);
    github.world.membersOf(target.account).delete(attacker.github);
    await attack.sql('UPDATE github_grant SET expires_at = now() WHERE user_id = $1', [
      attacker.userId,
    ]);
    await attack.sql('UPDATE github_link SET ends_at = now() WHERE user_id = $1', [
      attacker.userId,
    ]);
    await until(async () => (await attack.listOf(attacker)).length === 0);
  },
  'a mutation by GET': async (attack) => {
    await attack.connect(attack.victim);
    const row = await attack.rowIdOf(attack.victim, attack.target);
    const query = `mutation { unlinkInstallation(id: "${row}") { installationId } }`;
    const { status } = await fetch(
      `${attack.server.url}/graphql?query=${encodeURIComponent(query)}`,
      {
        headers: {
          cookie: await cookieOf(attack.victim.userId),
          'apollo-require-preflight': 'true',
        },
      },
    );
    expect(status).toBe(405);
    expect(await attack.listOf(attack.victim)).toHaveLength(1);
  },
  'a delivery that is not signed': async (attack) => {
    const { attacker, target, server } = attack;
    await attack.sql(
      "INSERT INTO github_identity (user_id, github_id, source) VALUES ($1, $2, 'session')",
      [attacker.userId, attacker.github.id],
    );
    const { status } = await fetch(`${server.url}/api/github/webhooks`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-github-event': 'installation',
        'x-github-delivery': randomUUID(),
        'x-hub-signature-256': `sha256=${'0'.repeat(64)}`,
      },
      body: JSON.stringify({
        action: 'created',
        installation: { id: target.id },
        sender: { id: attacker.github.id },
      }),
    });
    expect(status).toBe(401);
  },
};

const imports = async (
  { server }: ConnectScene,
  as: Person,
  user: string,
  row: string,
  headers = {},
) =>
  fetch(`${server.url}/api/users/${user}/installations/${row}/imports`, {
    headers: { cookie: await cookieOf(as.userId), ...headers },
  });

async function unlink({ server }: ConnectScene, { userId }: Person, row: string): Promise<void> {
  const { status } = await fetch(`${server.url}/api/users/${userId}/installations/${row}`, {
    method: 'DELETE',
    headers: { cookie: await cookieOf(userId) },
  });
  expect(status).toBe(200);
}

async function pageOf(
  { server }: ConnectScene,
  { userId }: Person,
  page: string,
): Promise<{ cursor: string; node: { name: string } }[]> {
  const query = `{ viewer { installations { repositories${page} { edges { cursor node { name } } } } } }`;
  const { data } = await json(await server.graphql({ query }, { as: userId }));
  return data.viewer.installations.flatMap((one: any) => one.repositories?.edges ?? []);
}

async function repositoriesOf({ server }: ConnectScene, { userId }: Person) {
  const query = '{ viewer { installations { repositories { totalCount nodes { name } } } } }';
  const { data } = await json(await server.graphql({ query }, { as: userId }));
  const [list] = data.viewer.installations.map((one: any) => one.repositories);
  return { names: list.nodes.map(({ name }: any) => name), total: list.totalCount };
}

describeOnEachDatabase('Nobody sees what is not theirs by', (kind) => {
  const scene = useConnectScene(kind);

  test.each(Object.entries(ATTEMPTS))('%s', async (_name, attempt) => {
    const attacker = await scene().person();
    const victim = await scene().person();
    const target = await scene().organization(victim.github);
    await attempt({ ...scene(), attacker, victim, target });
    expect(await scene().listOf(attacker)).toEqual([]);
    const links = await scene().sql(
      'SELECT FROM github_link WHERE user_id = $1 AND row_id IS NOT NULL',
      [attacker.userId],
    );
    expect(links).toEqual([]);
    expect(scene().github.world.userTokens.size).toBe(0);
  });
});
