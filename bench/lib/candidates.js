import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { transformFile } from '@swc/core';
import { run } from './processes.js';

const bench = dirname(import.meta.dirname);
const peer = (file) => [process.execPath, join(bench, 'peers', file)];

/** Where the built server is: the folder above, unless told otherwise. */
const folder = process.env.BENCH_SERVER ?? dirname(bench);

/** Node 24 for those who need it: npm brings it as a package for each processor. */
function newerNode() {
  const require = createRequire(import.meta.url);
  return require.resolve(`node-linux-${process.arch}/bin/node`);
}

/** Decorators must be compiled; this writes the peer's JavaScript beside its source. */
async function compile(name) {
  const { code } = await transformFile(join(bench, 'peers', `${name}.ts`), {
    swcrc: false,
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
      keepClassNames: true,
    },
  });
  await writeFile(join(bench, 'peers', `${name}.build.js`), code);
  return peer(`${name}.build.js`);
}

/** Builds the Go peers with the libraries that Debian packages; an unchanged program costs a moment. */
async function buildGo() {
  const program = join(bench, 'peers/go/build/server');
  const env = { ...process.env, GOPATH: '/usr/share/gocode', GO111MODULE: 'off' };
  await run('go', ['build', '-o', program, '.'], { cwd: join(bench, 'peers/go'), env }).catch(
    ({ message }) => {
      throw new Error(
        `The Go peers were not built (${message.trim()}). They need Debian's packages golang-go, ` +
          'golang-github-jackc-pgx-v4-dev and golang-github-graph-gophers-graphql-go-dev.',
      );
    },
  );
  return [program];
}

const POSTGRAPHILE_QUERY = `query ($id: String!) {
  neptunUserByRowId(rowId: $id) {
    githubAppInstallationsByNeptunUserId {
      nodes { rowId neptunUserId githubInstallationId createdAt updatedAt }
    }
  }
}`;

/** The server that was built in that folder. */
export function builtIn(folder, title = 'this server') {
  const entry = join(resolve(folder), 'dist/src/main.js');
  if (!existsSync(entry))
    throw new Error(`The server is not built: run "npm run build" in ${resolve(folder)} first.`);
  return {
    name: 'ours',
    title,
    kinds: ['rest', 'graphql', 'filtered', 'repositories'],
    command: () => [process.execPath, '--no-memory-reducer', entry, 'serve'],
  };
}

/**
 * `required` is how many times faster than this peer the server must be, for the first of its kinds;
 * `remarks` says what the peer does differently, for the table.
 */
export const peers = [
  {
    name: 'constant',
    title: 'node:http, a constant answer',
    kinds: ['rest'],
    remarks: 'no session, no database',
    constant: true,
    required: 0.35,
    command: () => peer('constant.js'),
  },
  {
    name: 'handwritten',
    title: 'node:http + pg',
    kinds: ['rest'],
    remarks: 'sessions remembered',
    required: 3.3,
    command: () => peer('handwritten.js'),
  },
  {
    name: 'handwritten-prepared',
    title: 'node:http + pg',
    kinds: ['rest'],
    remarks: 'sessions remembered, prepared statement',
    env: { PREPARED: 'installations' },
    command: () => peer('handwritten.js'),
  },
  {
    name: 'go',
    title: 'Go net/http + pgx',
    kinds: ['rest'],
    remarks: 'sessions remembered, prepared statement',
    required: 1.9,
    command: buildGo,
  },
  {
    name: 'original',
    title: 'h3 + Drizzle + postgres.js',
    kinds: ['rest'],
    required: 12,
    command: () => peer('original.js'),
  },
  {
    name: 'mercurius',
    title: 'Mercurius (JIT) + pg',
    kinds: ['graphql'],
    remarks: 'sessions remembered',
    required: 2.7,
    command: () => peer('mercurius.js'),
  },
  {
    name: 'mercurius-prepared',
    title: 'Mercurius (JIT) + pg',
    kinds: ['graphql'],
    remarks: 'sessions remembered, prepared statement',
    env: { PREPARED: 'installations' },
    command: () => peer('mercurius.js'),
  },
  {
    name: 'mercurius-accounts',
    title: 'Mercurius (JIT) + pg',
    kinds: ['filtered'],
    remarks: 'sessions remembered, prepared statement',
    env: { PREPARED: 'accounts', ACCOUNTS: '1' },
    command: () => peer('mercurius.js'),
  },
  {
    name: 'go-graphql',
    title: 'Go graphql-go + pgx',
    kinds: ['graphql'],
    remarks: 'sessions remembered, prepared statement',
    required: 1.75,
    command: buildGo,
  },
  {
    name: 'postgraphile',
    title: 'PostGraphile 5',
    kinds: ['graphql'],
    remarks: 'no session, Node 24',
    open: true,
    required: 4.5,
    graphql: { query: POSTGRAPHILE_QUERY },
    rows: ({ data }) =>
      data?.neptunUserByRowId?.githubAppInstallationsByNeptunUserId.nodes.map(
        ({ rowId, ...node }) => ({
          id: rowId,
          ...node,
        }),
      ),
    command: () => [newerNode(), peer('postgraphile.js')[1]],
  },
  {
    name: 'textbook',
    title: 'Apollo + TypeGraphQL + TypeORM',
    kinds: ['graphql', 'filtered', 'repositories'],
    remarks: 'by the book',
    required: 12.5,
    command: () => compile('textbook'),
  },
  {
    name: 'yoga',
    title: 'GraphQL Yoga + Drizzle',
    kinds: ['graphql'],
    command: () => peer('yoga.js'),
  },
];

export const requireOurs = () => builtIn(folder);

/** Everyone who answers that kind of request, or ours and those peers alone; ours first. */
export function candidatesOf(kind, only) {
  const wanted = only ? peers.filter(({ name }) => only.includes(name)) : peers;
  return [requireOurs(), ...wanted].filter(({ kinds }) => kinds.includes(kind));
}
