import { Agent, request } from 'node:http';
import { expect, test } from '@jest/globals';
import { describeOnEachDatabase } from './helpers/databases.js';
import { cookieOf, type TestServer, useServer } from './helpers/server.js';

const USERS = 200;
const REQUESTS = 10_000;
const CONCURRENCY = 64;

interface Someone {
  id: string;
  cookie: string;
  githubIds: string[];
}

describeOnEachDatabase(`${USERS} users at once`, (kind) => {
  const server = useServer(kind);

  test(`get no wrong and no foreign answer in ${REQUESTS} requests, GraphQL and REST mixed`, async () => {
    const users = await Promise.all(
      Array.from({ length: USERS }, (_, n) => addSomeone(server(), n)),
    );
    const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
    let sent = 0;
    let wrong = 0;
    const worker = async () => {
      while (sent < REQUESTS) {
        const n = sent++;
        const me = users[(n * 7) % USERS] as Someone;
        const other = users[(n * 13 + 1) % USERS] as Someone;
        if (!(await (n % 2 ? restIsRight : graphqlIsRight)(server().url, agent, me, other, n)))
          wrong++;
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    agent.destroy();
    expect({ sent, wrong }).toEqual({ sent: REQUESTS, wrong: 0 });
  }, 120_000);
});

async function addSomeone(server: TestServer, n: number): Promise<Someone> {
  const githubIds = Array.from({ length: n % 6 }, (_, k) => String(n * 1000 + k));
  const id = await server.addUser(githubIds);
  return { id, cookie: await cookieOf(id), githubIds };
}

async function restIsRight(url: string, agent: Agent, me: Someone, other: Someone, n: number) {
  const foreign = n % 5 === 0;
  const asked = foreign ? other : me;
  const { status, body } = await send(
    `${url}/api/users/${asked.id}/installations`,
    agent,
    me.cookie,
  );
  if (foreign && other !== me) return status === 404 && !body.includes(other.id);
  const items = JSON.parse(body) as { neptun_user_id: string; github_installation_id: string }[];
  return (
    status === 200 &&
    items.every((item) => item.neptun_user_id === me.id) &&
    String(items.map((item) => item.github_installation_id)) === String(me.githubIds)
  );
}

async function graphqlIsRight(url: string, agent: Agent, me: Someone, other: Someone) {
  const query = `query ($me: ID!, $other: ID!) {
    viewer { id } mine: user(id: $me) { ...U } theirs: user(id: $other) { ...U } again: user(id: $me) { id }
  } fragment U on User { id installations { neptunUserId githubInstallationId } }`;
  const variables = { me: me.id, other: other.id };
  const { body } = await send(
    `${url}/graphql`,
    agent,
    me.cookie,
    JSON.stringify({ query, variables }),
  );
  const { data } = JSON.parse(body);
  const mine = {
    id: me.id,
    installations: me.githubIds.map((id) => ({ neptunUserId: me.id, githubInstallationId: id })),
  };
  const expected = {
    viewer: { id: me.id },
    mine,
    theirs: other === me ? mine : null,
    again: { id: me.id },
  };
  return JSON.stringify(data) === JSON.stringify(expected);
}

function send(url: string, agent: Agent, cookie: string, body?: string) {
  return new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const headers = { cookie, ...(body && { 'content-type': 'application/json' }) };
    const sent = request(url, { agent, method: body ? 'POST' : 'GET', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body: text }));
    });
    sent.on('error', reject).end(body);
  });
}
