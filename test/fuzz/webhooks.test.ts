import { beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { useServer } from '../helpers/server.js';
import { size } from '../helpers/size.js';
import {
  APP_ID,
  acceptsDeliveries,
  deliver,
  examplesOf,
  WEBHOOKS_ALONE,
} from '../helpers/webhooks.js';

const MUTATIONS = size(1_000, 50_000);
/** At once. */
const BATCH = 20;

/** Values of a payload that GitHub would not send. */
const STRANGE: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    ...[null, true, '', 'a', 0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 2_147_483_648],
    ...['\0', 'a\0b', '\uD800', '\uDC00a', '\u{10FFFF}', 'x'.repeat(5_000), 'a/b', '/', 'a/b/c'],
    ...[
      '0001-01-01T00:00:00Z',
      '9999-12-31T23:59:59Z',
      '+275760-09-13T00:00:00Z',
      '-000001-01-01T00:00:00Z',
      'now',
      'infinity',
    ],
    ...[
      [],
      {},
      [null],
      [[]],
      [{}],
      { id: 1 },
      [
        { id: 1, full_name: 'a/b', private: false },
        { id: 1, full_name: 'a/b', private: true },
      ],
    ],
    ...[
      { constructor: 'read', '\0': 'read', toString: '\0' },
      { a: { b: '\0' } },
      ['\0', '\uD800', 1],
    ],
    // Functions: fast-check cannot print what is so deep. And not literals, which set the prototype.
    JSON.parse('{"__proto__":{"id":1}}'),
    JSON.parse('{"__proto__":"read","metadata":"read"}'),
    () => JSON.parse(`${'['.repeat(3_000)}${']'.repeat(3_000)}`),
    () => JSON.parse(`${'{"a":'.repeat(1_000)}1${'}'.repeat(1_000)}`),
  ),
  fc.integer(),
  fc.double(),
  fc.string({ unit: 'binary' }),
  fc.jsonValue(),
);

interface Case {
  event: string;
  payload: any;
}

/** Each event that changes something, also those without an example. */
function seeds(): Case[] {
  const families = examplesOf(
    /^(installation|repository|organization|public|meta|github_app|ping)/,
  );
  const examples = families.flatMap(({ name, examples }) =>
    examples.map((payload) => ({ event: name, payload })),
  );
  const repository = examples.find(({ event }) => event === 'repository')?.payload.repository;
  const installation = examples.find(({ event }) => event === 'installation')?.payload.installation;
  const actions = [
    'deleted',
    'edited',
    'renamed',
    'transferred',
    'publicized',
    'privatized',
    'archived',
  ];
  const made = actions.map((action) => ({
    event: 'repository',
    payload: { action, repository, installation },
  }));
  const changes = { login: { from: installation.account.login } };
  const renamed = { action: 'renamed', account: installation.account, changes, installation };
  return [...examples, ...made, { event: 'installation_target', payload: renamed }];
}

/** The payload with other values at some places, most of them near its root. */
function mutated(payload: object, changes: [number, unknown][]): any {
  const copy = structuredClone(payload);
  for (const [place, value] of changes) {
    let at: any = copy;
    let rest = place;
    for (;;) {
      const names = Object.keys(at);
      if (names.length === 0) break;
      const name = names[rest % names.length] as string;
      rest = Math.floor(rest / names.length);
      if (typeof at[name] === 'object' && at[name] !== null && rest % 3 !== 0) at = at[name];
      else {
        // Values are shared, and must not hold themselves.
        at[name] = typeof value === 'function' ? value() : structuredClone(value);
        break;
      }
    }
  }
  return copy;
}

describeOnEachDatabase('A signed payload', (kind) => {
  const server = useServer(kind, WEBHOOKS_ALONE);
  beforeAll(() => acceptsDeliveries(server()));

  test(`of ${MUTATIONS} mutated ones is answered, and none with 500 or more`, async () => {
    const cases = seeds();
    const change = fc.tuple(fc.nat(), STRANGE);
    const mutation = fc.record({
      which: fc.nat(),
      changes: fc.array(change, { minLength: 1, maxLength: 4 }),
      // Often one that is not a tombstone yet.
      id: fc.option(fc.integer({ min: 1, max: 200 })),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.noBias(fc.array(mutation, { minLength: BATCH, maxLength: BATCH })),
        async (batch) => {
          const answers = batch.map(async ({ which, changes, id }) => {
            const { event, payload } = cases[which % cases.length] as Case;
            const own = structuredClone(payload);
            if (id && own.installation)
              Object.assign(own.installation, { id, app_id: Number(APP_ID) });
            const response = await deliver(server(), { event, payload: mutated(own, changes) });
            await response.body?.cancel();
            return response.status;
          });
          for (const status of await Promise.all(answers)) expect(status).toBeLessThan(500);
        },
      ),
      { numRuns: MUTATIONS / BATCH, endOnFailure: true },
    );
    expect((await deliver(server(), { event: 'ping', payload: {} })).status).toBe(200);
  }, 1_200_000);
});
