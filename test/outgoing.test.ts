import { expect, test } from '@jest/globals';
import { serve } from './cli/process.js';
import { createDatabase, describeOnPostgres } from './helpers/databases.js';
import { cookieOf, PASSWORD } from './helpers/server.js';

/** Prints every connection that the process opens, by any library. */
const PRINT_CONNECTIONS = `
  import { Socket } from 'node:net';
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function (...args) {
    const [{ host, port, path } = {}] = args.flat();
    console.log('connects to ' + (path ?? (host ?? args[1]) + ':' + (port ?? args[0])) + ' .');
    return connect.apply(this, args);
  };`;

describeOnPostgres('The server', () => {
  test('connects only to its database, whatever URLs a request contains', async () => {
    const { env } = await createDatabase('PostgreSQL');
    const { url, stop, stdout } = await serve({
      ...env,
      SESSION_PASSWORD: PASSWORD,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(PRINT_CONNECTIONS)}`,
    });
    const elsewhere = 'http://elsewhere.example:81/';
    const cookie = await cookieOf(elsewhere);
    const headers = {
      cookie,
      origin: elsewhere,
      referer: elsewhere,
      forwarded: 'for=1.2.3.4;host=elsewhere.example;proto=http',
      'x-forwarded-host': 'elsewhere.example',
      'x-forwarded-for': '1.2.3.4',
    };
    const body = JSON.stringify({
      query: 'query ($id: ID!) { user(id: $id) { id } }',
      variables: { id: elsewhere },
      extensions: { persistedQuery: { url: elsewhere } },
    });
    const post = {
      method: 'POST',
      body,
      headers: { ...headers, 'content-type': 'application/json' },
    };
    const paths = ['/graphql', '/graphiql/', '/openapi.json', `/?url=${elsewhere}`, '/dev/sign-in'];
    paths.push(`/api/users/${encodeURIComponent(elsewhere)}/installations`);
    for (const path of paths) {
      const accept = 'text/html,application/json';
      await fetch(`${url}${path}`, { headers: { ...headers, accept }, redirect: 'manual' });
    }
    for (let times = 0; times < 3; times++) await fetch(`${url}/graphql`, post);
    expect(await stop('SIGINT')).toBe(0);

    const { hostname, port } = new URL(env.DATABASE_URL ?? '');
    const connections = [...stdout().matchAll(/connects to (.*) \./g)].map(([, to]) => to);
    expect(new Set(connections)).toEqual(new Set([`${hostname}:${port}`]));
  });
});
