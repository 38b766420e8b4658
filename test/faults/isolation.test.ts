import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { cookieOf, type TestServer, useServer } from '../helpers/server.js';
import { size } from '../helpers/size.js';

const USERS = size(150, 1_000);
const ANSWERS = size(8_000, 100_000);
const CONCURRENCY = 64;
const MISSING = 'nobody';
/** How often a request is sent before its 503 counts as wrong: reads time out on a slow machine. */
const TRIES = 20;

interface Person {
  id: string;
  cookie: string;
  githubIds: string[];
}

interface Answer {
  status: number | undefined;
  body: string;
}

/** With a body: GraphQL over POST. */
type Send = (me: Person, path: string, body?: object) => Promise<Answer>;

describeOnEachDatabase(`${USERS} concurrent users`, (kind) => {
  const server = useServer(kind);

  test(`get ${ANSWERS} correct responses over GraphQL and REST, none of another user`, async () => {
    const users: Person[] = [];
    for (let n = 0; n < USERS; n++) users.push(await addPerson(server(), n));
    const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
    let [asked, answers] = [0, 0];
    const wrong: string[] = [];
    const worker = async () => {
      while (answers < ANSWERS) {
        const n = asked++;
        const me = users[(n * 7) % USERS] as Person;
        const next = users[(n * 13 + 1) % USERS] as Person;
        const other = next === me ? (users[(n * 7 + 1) % USERS] as Person) : next;
        let came: Answer[] = [];
        const send: Send = (user, path, body) =>
          answered(async () => {
            answers++;
            const answer = await ask(`${server().url}${path}`, agent, user, body);
            came.push(answer);
            return [answer];
          }, [user]).then(([answer]) => answer as Answer);
        const isRight = QUESTIONS[n % QUESTIONS.length] as (typeof QUESTIONS)[number];
        const note = (what: string) =>
          wrong.push(`${what}: ${me.id}, ${other.id} got ${came.map(shown).join(' | ')}`);
        if (!(await isRight(send, me, other))) note(isRight.name);
        if (n % 20 === 0) {
          answers += 4;
          const all = [me, other, me, other];
          came = await answered(() => pipelined(server().url, all), all);
          if (came.length !== 4 || !all.every((user, k) => isRestOf(user, came[k])))
            note('pipelined');
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    agent.destroy();
    expect(wrong).toEqual([]);
    if (size(0, 1)) console.info(`${answers} answers to ${USERS} users, ${wrong.length} wrong`);
  }, 500_000);
});

async function addPerson(server: TestServer, n: number): Promise<Person> {
  const githubIds = Array.from({ length: n % 6 }, (_, k) => String(n * 1000 + k));
  const id = await server.addUser(githubIds);
  return { id, cookie: await cookieOf(id), githubIds };
}

/** Each checks its responses; that for another user must equal that for a missing one. */
const QUESTIONS = [
  async function rest(send: Send, me: Person, other: Person) {
    const mine = await send(me, pathOf(me.id));
    const theirs = await send(me, pathOf(other.id));
    const missing = await send(me, pathOf(MISSING));
    return isRestOf(me, mine) && theirs.status === 404 && isSame(theirs, missing);
  },

  async function aliasesFragmentsVariables(send: Send, me: Person, other: Person) {
    const query = `query ($me: ID!, $other: ID!) {
      viewer { id } mine: user(id: $me) { ...U } theirs: user(id: $other) { ...U } again: user(id: $me) { id }
    } fragment U on User { id installations { neptunUserId githubInstallationId } }`;
    const variables = { me: me.id, other: other.id };
    return isData(await send(me, '/graphql', { query, variables }), {
      viewer: { id: me.id },
      mine: { id: me.id, installations: installationsOf(me) },
      theirs: null,
      again: { id: me.id },
    });
  },

  async function swappedAliasesInlineFragments(send: Send, me: Person, other: Person) {
    const query = `{
      b: user(id: "${other.id}") { ... on User { installations { githubInstallationId } } }
      a: viewer { ... on User @include(if: true) { installations { neptunUserId } } }
      a: viewer { installations { githubInstallationId } id @skip(if: true) }
    }`;
    const installations = installationsOf(me);
    return isData(await send(me, '/graphql', { query }), { b: null, a: { installations } });
  },

  async function foreignAndMissingInGraphql(send: Send, me: Person, other: Person) {
    const query =
      'query ($id: ID!) { user(id: $id) { id installations { githubInstallationId } } }';
    const get = (id: string) =>
      `/graphql?${new URLSearchParams({ query, variables: JSON.stringify({ id }) })}`;
    const theirs = await send(me, '/graphql', { query, variables: { id: other.id } });
    const missing = await send(me, '/graphql', { query, variables: { id: MISSING } });
    const gotTheirs = await send(me, get(other.id));
    const gotMissing = await send(me, get(MISSING));
    return (
      isData(theirs, { user: null }) &&
      isSame(theirs, missing) &&
      isSame(gotTheirs, missing) &&
      isSame(gotMissing, missing)
    );
  },

  async function batch(send: Send, me: Person, other: Person) {
    const query = '{ viewer { id installations { githubInstallationId } } }';
    const theirs = `{ user(id: "${other.id}") { id } }`;
    const { status, body } = await send(me, '/graphql', [{ query }, { query: theirs }]);
    return status === 400 && !body.includes('"data"') && !body.includes(other.id);
  },
];

const pathOf = (id: string) => `/api/users/${id}/installations`;

const installationsOf = ({ id, githubIds }: Person) =>
  githubIds.map((githubId) => ({ neptunUserId: id, githubInstallationId: githubId }));

/** Repeats what is refused with 503, but not where the data of another user comes with it. */
async function answered(send: () => Promise<Answer[]>, users: Person[]): Promise<Answer[]> {
  for (let tries = 1; ; tries++) {
    const answers = await send();
    const isRefused = answers.some(
      ({ status, body }) => status === 503 || body.includes('"SERVICE_UNAVAILABLE"'),
    );
    if (!isRefused || tries === TRIES) return answers;
    const isForeign = answers.some(({ body }, n) => namesOther(users[n], body));
    if (isForeign) return answers;
    await sleep(200);
  }
}

function namesOther(me: Person | undefined, body: string): boolean {
  const ids = body.match(/user-[\da-f-]{36}/g) ?? [];
  const githubIds = Array.from(body.matchAll(/"github\w+":"(\d+)"/g), ([, id]) => id as string);
  return ids.some((id) => id !== me?.id) || githubIds.some((id) => !me?.githubIds.includes(id));
}

const shown = ({ status, body }: Answer) => `${status} ${body.slice(0, 120)}`;

const isSame = (a: Answer, b: Answer) => a.status === b.status && a.body === b.body;

function isData({ status, body }: Answer, expected: object): boolean {
  return status === 200 && JSON.stringify(JSON.parse(body).data) === JSON.stringify(expected);
}

function isRestOf({ id, githubIds }: Person, answer: Answer | undefined): boolean {
  if (answer?.status !== 200) return false;
  const items: { neptun_user_id: string; github_installation_id: string }[] = JSON.parse(
    answer.body,
  );
  return (
    items.every((item) => item.neptun_user_id === id) &&
    String(items.map((item) => item.github_installation_id)) === String(githubIds)
  );
}

/** Pipelines requests of several users over one connection. */
async function pipelined(url: string, users: Person[]): Promise<Answer[]> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  users.forEach(({ id, cookie }, n) => {
    const connection = n === users.length - 1 ? 'close' : 'keep-alive';
    socket.write(
      `GET ${pathOf(id)} HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\nCookie: ${cookie}\r\n\r\n`,
    );
  });
  const answers = (await text(socket)).split('HTTP/1.1 ').slice(1);
  return answers.map((answer) => {
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    return { status: Number(head.slice(0, 3)), body };
  });
}

function ask(url: string, agent: Agent, { cookie }: Person, body?: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      cookie,
      ...(body ? { 'content-type': 'application/json' } : { 'apollo-require-preflight': 'true' }),
    };
    const sent = request(url, { agent, method: body ? 'POST' : 'GET', headers }, (response) => {
      text(response).then((all) => resolve({ status: response.statusCode, body: all }), reject);
    });
    sent.on('error', reject).end(body && JSON.stringify(body));
  });
}
