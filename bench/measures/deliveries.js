import { createHmac, randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { requireOurs } from '../lib/candidates.js';
import { median, percentile, printTable, saveFigures, thousands } from '../lib/figures.js';
import { until } from '../lib/processes.js';
import { ask, kinds } from '../lib/requests.js';
import { PER_USER, seedFacts } from '../lib/seed.js';
import { prepare, serve } from '../lib/serve.js';

const APP_ID = 1000001;
const SECRET = 'a webhook secret for benchmarks';
/** Deliveries under way: GitHub's own number is unknown. */
const SENDERS = 16;
const WARM_UP = 500;
const SEEN = 200;
const USERS = 1000;

const STATUS = { query: 'query ($id: ID!) { user(id: $id) { installations { status } } }' };

/** A delivery of GitHub's that suspends the first installation of a user, or ends that. */
function deliveryOf(user, index, isSuspended) {
  const number = Number(user.id.slice('user-'.length)) - 1 || USERS;
  const updated = new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString();
  const body = JSON.stringify({
    action: isSuspended ? 'suspend' : 'unsuspend',
    installation: {
      id: 4_000_000_000 + number,
      app_id: APP_ID,
      account: { id: 9919, login: 'octo-org', type: 'Organization' },
      target_type: 'Organization',
      repository_selection: 'all',
      permissions: { contents: 'read', metadata: 'read' },
      events: ['push'],
      created_at: '2025-03-20T10:00:00Z',
      updated_at: updated,
      suspended_at: isSuspended ? updated : null,
    },
    sender: { id: 583231, login: 'octocat', type: 'User' },
  });
  const headers = {
    'x-github-delivery': randomUUID(),
    'x-github-event': 'installation',
    'x-github-hook-installation-target-id': String(APP_ID),
    'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
  };
  return { method: 'POST', path: '/api/github/webhooks', body, headers };
}

const isApplied = ({ status, text }) => status === 200 && text.includes('"applied"');

/** Milliseconds until the answer, which follows the commit. */
async function send(port, agent, delivery) {
  const started = performance.now();
  const answer = await ask(port, delivery, agent);
  if (!isApplied(answer))
    throw new Error(`A delivery was answered ${answer.status} ${answer.text}`);
  return performance.now() - started;
}

/** What one instance takes of GitHub, and how long a reader waits to see it. */
export async function measureDeliveries({ rounds, seconds }) {
  const database = await prepare('deliveries', USERS * PER_USER);
  const { databaseUrl, users } = database;
  await seedFacts(databaseUrl);
  const env = { GITHUB_APP_ID: String(APP_ID), GITHUB_WEBHOOK_SECRET: SECRET };
  const server = await serve(requireOurs(), { databaseUrl, user: users[0], env });
  const agent = new Agent({ keepAlive: true, maxSockets: SENDERS });
  let sent = 0;
  const next = () => {
    const index = sent++;
    const turn = Math.floor(index / users.length);
    return deliveryOf(users[index % users.length], index, turn % 2 === 0);
  };
  const sendWhile = async (goesOn) => {
    const times = [];
    const one = async () => {
      while (goesOn()) times.push(await send(server.port, agent, next()));
    };
    await Promise.all(Array.from({ length: SENDERS }, one));
    return times;
  };

  // The route answers 503 until the tables of GitHub's facts were looked at.
  await until(async () => isApplied(await ask(server.port, next(), agent)), { what: 'webhooks' });
  await sendWhile(() => sent < WARM_UP);
  const rates = [];
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    const until = started + seconds * 1000;
    const taken = await sendWhile(() => performance.now() < until);
    rates.push((taken.length * 1000) / (performance.now() - started));
    times.push(...taken);
  }
  const seen = await timesUntilSeen(server, agent, users, sent);
  agent.destroy();
  await server.stop();
  report({ rate: median(rates), times: times.sort((a, b) => a - b), seen });
}

/** Milliseconds from the answer to a delivery, which the commit precedes, until a read shows it. */
async function timesUntilSeen({ port }, agent, users, index) {
  const seen = [];
  for (let turn = 0; turn < SEEN; turn++) {
    const user = users[turn % users.length];
    const isSuspended = turn % 2 === 0;
    const expected = isSuspended ? 'SUSPENDED' : 'ACTIVE';
    const body = JSON.stringify({ ...STATUS, variables: { id: user.id } });
    const read = { ...kinds.graphql.request(user), body };
    await send(port, agent, deliveryOf(user, index + turn, isSuspended));
    const started = performance.now();
    for (;;) {
      const { data } = (await ask(port, read)).json();
      if (data.user.installations[0].status === expected) break;
      if (performance.now() - started > 5_000) throw new Error('A read never shows a delivery.');
    }
    seen.push(performance.now() - started);
  }
  return seen.sort((a, b) => a - b);
}

function report({ rate, times, seen }) {
  const ms = (value) => `${value.toFixed(1)} ms`;
  printTable(
    ['Deliveries of GitHub', 'measured '],
    [
      [`a second, ${SENDERS} at a time`, thousands(rate)],
      ['answer, median', ms(percentile(times, 0.5))],
      ['answer, p99', ms(percentile(times, 0.99))],
      ['from the answer until a read shows it, median', ms(percentile(seen, 0.5))],
      ['from the answer until a read shows it, slowest', ms(percentile(seen, 1))],
    ],
  );
  saveFigures('deliveries', {
    rate,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    seen: percentile(seen, 0.5),
    seenAtMost: percentile(seen, 1),
  });
}
