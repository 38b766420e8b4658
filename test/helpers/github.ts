import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { Delivery } from '../../src/explore/demo-github/deliveries.js';
import { createDemoGithub, type DemoGithub } from '../../src/explore/demo-github/demo-github.js';
import { type App, createKeys } from '../../src/explore/demo-github/model.js';
import { createDatabase, type DatabaseKind, type TestDatabase } from './databases.js';
import { startTestServer, type TestServer } from './server.js';
import { acceptsDeliveries, WEBHOOK_PATH, WEBHOOK_SECRET } from './webhooks.js';

/** A call of GitHub's API. */
interface Call {
  method: string;
  /** Without the query. */
  path: string;
  query: Record<string, string | undefined>;
  /** Of this fault: the first has 1. */
  number: number;
}

/** How GitHub fails; later parts of the answer are its own. */
export interface Fault {
  /** Milliseconds that the answer takes longer. */
  delay?: number;
  /** Milliseconds that the answer is under way, and becomes outdated. */
  late?: number;
  /** Ends the connection without an answer. */
  reset?: boolean;
  /** Answered instead. */
  status?: number;
  message?: string;
  headers?: Record<string, string>;
  /** Changes a right answer, for example shortens a list. */
  change?: (body: any) => object;
}

type FaultOf = (call: Call) => Fault | undefined | Promise<Fault | undefined>;

/** What GitHub would deliver now. */
export interface Held {
  delivery: Delivery;
  /** As often as a test wants, also twice at once. */
  send(): Promise<void>;
}

export interface TestGithub extends DemoGithub {
  url: string;
  app: App;
  /** Of a server of `app`. */
  env: Record<string, string>;
  /** All calls of the API, such as `GET /app`. */
  calls: string[];
  /** Until the next one is set, or the test ends; it may also change the state between two calls. `null`: none. */
  fault(faultOf: FaultOf | null): void;
  /** Makes the Apps deliver to a server. */
  deliverTo(serverUrl: string): void;
  /** From now on deliveries wait in `held`. */
  hold(): void;
  held: Held[];
  /** Sends what is held, one after the other, and delivers at once again. */
  release(order?: (held: Held[]) => Held[]): Promise<void>;
  /** Sends what is held in random order, some of it twice, some of it never; twins overlap. @returns what is lost */
  misdeliver(chance: { random: () => number; lost?: number; doubled?: number }): Promise<Held[]>;
}

/** The second App's keys are those of the first, as keys take long to make. */
export const KEYS = createKeys();

/** Numbers from 0 to 1, the same for a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** GitHub's answer at a rate limit: of calls a minute, or (`secondary`) of too many at once. */
export function rateLimited(seconds: number, kind: 'primary' | 'secondary' = 'primary'): Fault {
  if (kind === 'secondary') {
    const message = 'You have exceeded a secondary rate limit. Please wait a few minutes.';
    return { status: 403, message, headers: { 'retry-after': String(seconds) } };
  }
  const reset = Math.floor(Date.now() / 1000) + seconds;
  const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) };
  return { status: 403, message: 'API rate limit exceeded for installation ID 1.', headers };
}

/** @param firstId ids at GitHub follow it */
export async function startGithub(firstId?: number): Promise<TestGithub> {
  const github = createDemoGithub(firstId);
  const { world, api } = github;
  const app = world.addApp({ publicKey: KEYS.publicKey });
  const calls: string[] = [];
  const faults = new WeakMap<object, Fault>();
  let faultOf: FaultOf | null = null;
  let number = 0;

  api.addHook('onRequest', async (request, reply) => {
    const [path = ''] = request.url.split('?');
    calls.push(`${request.method} ${path}`);
    number += 1;
    const query = request.query as Call['query'];
    const fault = await faultOf?.({ method: request.method, path, query, number });
    if (fault?.delay) await sleep(fault.delay, undefined, { ref: false });
    if (fault) faults.set(request, fault);
    if (fault?.reset) {
      reply.hijack();
      request.raw.socket.destroy();
    } else if (fault?.status) {
      reply.headers(fault.headers ?? {}).code(fault.status);
      return reply.send({ message: fault.message ?? 'Server Error' });
    }
  });
  api.addHook('preSerialization', async (request, _reply, body) => {
    const { change, late } = faults.get(request) ?? {};
    if (late) await sleep(late, undefined, { ref: false });
    return change ? change(structuredClone(body)) : body;
  });
  const url = await github.listen();

  const testGithub: TestGithub = {
    ...github,
    url,
    app,
    env: {
      GITHUB_APP_ID: String(app.id),
      GITHUB_APP_PRIVATE_KEY: KEYS.pem,
      GITHUB_WEBHOOK_SECRET: WEBHOOK_SECRET,
      GITHUB_API_URL: url,
      GITHUB_CLIENT_ID: app.clientId,
      GITHUB_CLIENT_SECRET: app.clientSecret,
    },
    calls,
    fault(next) {
      faultOf = next;
      number = 0;
    },
    deliverTo(serverUrl) {
      const webhook = { url: `${serverUrl}${WEBHOOK_PATH}`, secret: WEBHOOK_SECRET };
      for (const one of world.apps) one.webhook = webhook;
    },
    held: [],
    hold() {
      world.deliveries.carry = (delivery, send) => {
        testGithub.held.push({ delivery, send });
      };
    },
    async release(order = (held) => held) {
      world.deliveries.carry = (_delivery, send) => void send();
      for (const { send } of order(testGithub.held.splice(0))) await send();
    },
    async misdeliver({ random, lost = 0, doubled = 0 }) {
      const held = shuffled(testGithub.held.splice(0), random);
      const isLost = new Set(held.filter(() => random() < lost));
      for (const { delivery } of isLost) delivery.statusCode = 0;
      for (const one of held.filter((one) => !isLost.has(one))) {
        await Promise.all(random() < doubled ? [one.send(), one.send()] : [one.send()]);
      }
      return [...isLost];
    },
  };
  return testGithub;
}

/** One GitHub for all tests of a block; each test makes its own accounts. */
export function useGithub(): () => TestGithub {
  let github: TestGithub;
  beforeAll(async () => {
    github = await startGithub();
  });
  afterEach(() => {
    github?.fault(null);
  });
  afterAll(() => github?.close());
  return () => github;
}

/** A GitHub that delivers to a server of its App. */
export function useGithubAndServer(
  kind: DatabaseKind,
  env: object | ((github: TestGithub) => object) = {},
): () => { github: TestGithub; server: TestServer } {
  const github = useGithub();
  let database: TestDatabase;
  let server: TestServer;
  beforeAll(async () => {
    database = await createDatabase(kind);
    const more = typeof env === 'function' ? env(github()) : env;
    server = await startTestServer(database, { ...github().env, ...more });
    await server.ready;
    github().deliverTo(server.url);
    // GitHub does not repeat what is refused while the tables are looked at.
    await acceptsDeliveries(server);
  });
  afterAll(async () => {
    await server?.close();
    await database?.remove();
  });
  return () => ({ github: github(), server });
}

/** Fisher–Yates. */
export function shuffled<Item>(items: Item[], random: () => number): Item[] {
  const rest = [...items];
  return items.map(() => rest.splice(Math.floor(random() * rest.length), 1)[0] as Item);
}
