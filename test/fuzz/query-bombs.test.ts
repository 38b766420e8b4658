import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Served, serve } from '../cli/process.js';
import { cookieOf } from '../helpers/server.js';
import { size } from '../helpers/size.js';
import { createWatchedDatabase, type WatchedDatabase } from '../helpers/watched-database.js';

const SESSION_PASSWORD = 'p'.repeat(32);
const MEGABYTE = 1024 * 1024;
/** Maximum CPU time of one query, and memory growth after all of them. */
const MILLISECONDS = 50;
const MEGABYTES = 50;
const TIMES = size(1, 20);

const many = (count: number, text: (n: number) => string, separator = ' ') =>
  Array.from({ length: count }, (_, n) => text(n)).join(separator);
/** Repeats a text up to the size limit of a request. */
const full = (unit: string) =>
  unit.repeat(Math.floor((MEGABYTE - 1024) / (JSON.stringify(unit).length - 2)));
/** Repeats a text up to the token limit of the parser. */
const parsed = (unit: string, tokens: number, others = 20) =>
  unit.repeat(Math.floor((1_000 - others) / tokens));
const nested = (open: string, inner: string, close: string, depth: number) =>
  open.repeat(depth) + inner + close.repeat(depth);

/** Each fragment spreads the next one twice: 2^90 fields. */
const doubling = (inner: string) =>
  `{ viewer { ...F0 } } ${many(90, (n) => `fragment F${n} on User { ...F${n + 1} ...F${n + 1} }`)}
  fragment F90 on User { ${inner} }`;

const QUERIES: Record<string, string> = {
  'deep, 1 MiB': nested('{viewer', '{id}', '}', 100_000),
  'deep, up to the limit of the parser': nested('{viewer', '{id}', '}', 320),
  'deep in inline fragments': `{ viewer ${nested('{ ... on User { installations', '{ id }', '} }', 100)} }`,
  'deep in fragments': `{ viewer { ...F0 } } ${many(60, (n) => `fragment F${n} on User { installations { ...F${n + 1} } }`)} fragment F60 on User { id }`,
  'wide, 1 MiB': `{ viewer { ${full('id ')} } }`,
  'wide, up to the limit of the parser': `{ viewer { ${parsed('id ', 1)} } }`,
  'wide at the root': `{ ${parsed('viewer { id } ', 4)} }`,
  'wide, of __typename': `{ ${parsed('__typename ', 1)} }`,
  'aliases, 1 MiB': `{ ${many(40_000, (n) => `a${n}: viewer { id }`)} }`,
  'aliases, up to the limit of the parser': `{ ${many(160, (n) => `a${n}: viewer { id }`)} }`,
  'aliases of __typename': `{ ${many(300, (n) => `a${n}: __typename`)} }`,
  'aliases of users': `{ ${many(80, (n) => `a${n}: user(id: "${n}") { id }`)} }`,
  'one alias for different fields': `{ viewer { ${many(160, (n) => `a: ${n % 2 ? 'id' : 'createdAt'} a: updatedAt`)} } }`,
  'conflicts in an unused fragment': `{ __typename } fragment F on User { ${many(320, (n) => `a: ${n % 2 ? 'id' : 'createdAt'}`)} }`,
  'doubling fragments': doubling('id'),
  'doubling fragments of aliases': doubling('a: id b: id'),
  'doubling fragments of directives': doubling('id @skip(if: false)'),
  'a fragment spread many times': `{ viewer { ${parsed('...F ', 2, 40)} } } fragment F on User { id createdAt updatedAt }`,
  'fragments, 1 MiB': `{ viewer { id } } ${many(30_000, (n) => `fragment F${n} on User { id }`)}`,
  'a cycle of fragments': `{ viewer { ...F0 } } ${many(100, (n) => `fragment F${n} on User { ...F${(n + 1) % 100} }`)}`,
  'a fragment that spreads itself': `{ viewer { ...F } } fragment F on User { ${parsed('...F ', 2)} }`,
  'directives, 1 MiB': `{ viewer { id ${full('@skip(if: false) ')} } }`,
  'directives, up to the limit of the parser': `{ viewer { id ${parsed('@skip(if: false) ', 7)} } }`,
  'unknown directives': `{ viewer { id ${parsed('@x ', 2)} } }`,
  'directives on the operation': `query ${parsed('@x ', 2)} { viewer { id } }`,
  'operations, 1 MiB': many(30_000, (n) => `query Q${n} { viewer { id } }`),
  'operations of unequal cost': `${many(20, (n) => `query Q${n} { viewer { id } }`)} query Q { ${many(31, (n) => `a${n}: __typename`)} }`,
  'comments, 1 MiB': `${full('#\n')} { viewer { id } }`,
  'comments, up to the limit of the parser': `${'#\n'.repeat(15_000)} { viewer { id } }`,
  'commas, 1 MiB': `${full(',')} { viewer { id } }`,
  'a text, 1 MiB': `{ user(id: "${full('x')}") { id } }`,
  'a text of escapes, 1 MiB': `{ user(id: "${full('\\n')}") { id } }`,
  'a block text, 1 MiB': `{ user(id: """${full(' a\n')}""") { id } }`,
  'a name, 1 MiB': `{ ${full('x')} }`,
  'a number, 1 MiB': `{ user(id: ${full('1')}) { id } }`,
  'lists in lists': `{ user(id: ${nested('[', '1', ']', 450)}) { id } }`,
  'objects in objects': `{ user(id: ${nested('{ a: ', '1', ' }', 220)}) { id } }`,
  'a text of suggestions': `{ user(id: { a: "${'Did you mean '.repeat(2_000)}" }) { id } }`,
  'variables, 1 MiB': `query (${many(40_000, (n) => `$a${n}: ID`)}) { viewer { id } }`,
  'unused variables': `query (${many(230, (n) => `$a${n}: ID`)}) { viewer { id } }`,
  'types in types': `query ($a: ${nested('[', 'ID', ']', 480)}) { user(id: $a) { id } }`,
  'recursive introspection': `{ __schema { types ${nested('{ fields { type ', '{ name }', '} }', 90)} } }`,
  'introspection, wide': `{ __schema { ${parsed('types { name } ', 4)} } }`,
};

/** Complete bodies. */
const BODIES: Record<string, string> = {
  'JSON in JSON': `{"query":"{viewer{id}}","variables":${nested('[', '', ']', 500_000)}}`,
  'a variable in lists': `{"query":"query($id:ID!){user(id:$id){id}}","variables":{"id":${nested('[', '', ']', 500_000)}}}`,
  'a variable in objects': `{"query":"query($id:ID!){user(id:$id){id}}","variables":{"id":${nested('{"a":', '1', '}', 150_000)}}}`,
  'a variable of suggestions': JSON.stringify({
    query: 'query($id:ID!){user(id:$id){id}}',
    variables: { id: { a: full('Did you mean ') } },
  }),
  'a batch': `[${many(20_000, () => '{"query":"{__typename}"}', ',')}]`,
  'a number of 1,000,000 digits': `{"query":"{viewer{id}}","variables":[${'9'.repeat(1_000_000)}]}`,
  'invalid JSON, 1 MiB': full('{'),
  'JSON in JSON, up to the limit of the parser': `{"query":"{viewer{id}}","variables":${nested('[', '', ']', 65_000)}}`,
  'a variable in lists, up to the limit of the parser': `{"query":"query($id:ID!){user(id:$id){id}}","variables":{"id":${nested('[', '', ']', 65_000)}}}`,
  'keys, up to the limit of the parser': `{${many(10_000, (n) => `"${n}a":1`, ',')}}`,
  'keys, 1 MiB': `{${many(80_000, (n) => `"${n}":1`, ',')}}`,
};

const BOMBS = [
  ...Object.entries(QUERIES).map(([name, query]) => [name, JSON.stringify({ query })] as const),
  ...Object.entries(BODIES),
];

describe.each([
  ['', {}],
  [', with introspection,', { GRAPHQL_IDE: 'true' }],
])('A bomb%s', (_name, env) => {
  let database: WatchedDatabase;
  let server: Served;
  let cookie: string;
  beforeAll(async () => {
    database = await createWatchedDatabase();
    const limits = { RATE_LIMIT: '0', RATE_LIMIT_ANONYMOUS: '0', LOG_LEVEL: 'warn' };
    const production = { NODE_ENV: 'production', HOST: '127.0.0.1', SESSION_PASSWORD };
    server = await serve({ ...database.env, ...production, ...limits, ...env });
    cookie = await cookieOf('someone', SESSION_PASSWORD);
    // Warms up the server before the measurement.
    for (let time = 0; time < size(1, 200); time++) {
      await ask(JSON.stringify({ query: `{ viewer { a${time}: id } }` }));
      await ask(JSON.stringify({ query: `{ viewer { a${time}: nonsense } }` }));
    }
  });
  afterAll(async () => {
    await server?.stop('SIGINT');
    await database?.remove();
  });

  async function ask(body: string) {
    const headers = { 'content-type': 'application/json', cookie };
    const response = await fetch(`${server.url}/graphql`, { method: 'POST', headers, body });
    return { status: response.status, text: await response.text() };
  }

  test('is distinguished from a valid query, which sends bytes to the database', async () => {
    const before = database.sent();
    expect((await ask('{"query":"{ viewer { id } }"}')).status).toBe(200);
    expect(database.sent()).toBeGreaterThan(before);
  });

  test.each(BOMBS)(
    'is refused with 400, without any byte sent to the database: %s',
    async (_bomb, body) => {
      expect(body.length).toBeLessThanOrEqual(MEGABYTE);
      const before = database.sent();
      for (let time = 0; time < 3; time++) {
        const { status, text } = await ask(body);
        expect({ status, text: text.slice(0, 200) }).toMatchObject({ status: 400 });
        expect(JSON.parse(text).errors.length).toBeLessThanOrEqual(6);
      }
      expect(database.sent()).toBe(before);
    },
  );

  // Only with TEST_SIZE=long, as times depend on the machine.
  (TIMES > 1 ? test : test.skip)(
    `takes at most ${MILLISECONDS} ms of CPU time and ${MEGABYTES} MB`,
    async () => {
      const figures: { name: string; milliseconds: number; worst: number; megabytes: number }[] =
        [];
      const before = memory(server.pid).now;
      for (const [name, body] of BOMBS) {
        const start = memory(server.pid).now;
        resetPeak(server.pid);
        const used = [];
        for (let time = 0; time < TIMES; time++) {
          const from = cpuTime(server.pid);
          await ask(body);
          used.push(cpuTime(server.pid) - from);
        }
        used.sort((a, b) => a - b);
        const milliseconds = used[used.length >> 1] as number;
        figures.push({
          name,
          milliseconds,
          worst: used.at(-1) as number,
          megabytes: (memory(server.pid).peak - start) / MEGABYTE,
        });
      }
      const growth = (memory(server.pid).now - before) / MEGABYTE;
      const most = (of: 'milliseconds' | 'worst' | 'megabytes') =>
        Math.max(...figures.map((figure) => figure[of])).toFixed(1);
      console.info(
        `${BOMBS.length} bombs, ${TIMES} times each: CPU time at most ${most('milliseconds')} ms in the median, ` +
          `${most('worst')} ms in the worst case; memory at most ${most('megabytes')} MB more during one, ` +
          `${growth.toFixed(1)} MB more after all`,
      );
      expect(figures.filter(({ milliseconds }) => milliseconds > MILLISECONDS)).toEqual([]);
      expect(growth).toBeLessThan(MEGABYTES);
    },
    300_000,
  );
});

/** CPU time of all threads of a process in milliseconds. */
function cpuTime(pid: number): number {
  const folder = `/proc/${pid}/task`;
  const nanoseconds = readdirSync(folder).map((thread) =>
    Number(readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, time) => sum + time, 0) / 1e6;
}

/** Current and peak memory of a process in bytes. */
function memory(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string) =>
    Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
  return { now: bytes('VmRSS'), peak: bytes('VmHWM') };
}

function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}
