import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '../cli/process.js';
import { freePort } from '../helpers/postgres-cluster.js';
import { cookieOf, useServer } from '../helpers/server.js';
import { size } from '../helpers/size.js';

const USERS = size(10, 200);
const ROUNDS = 5;
const NGINX = '/usr/sbin/nginx';
const QUERY = 'query ($id: ID!) { viewer { id } user(id: $id) { id } }';

describe('A shared cache in front of the server', () => {
  const server = useServer('PGlite');
  const folder = join(process.env.TEST_TEMP ?? '', randomUUID());
  let nginx: ChildProcess;
  let url: string;
  beforeAll(async () => {
    if (!existsSync(NGINX)) throw new Error(`${NGINX} is missing: install nginx`);
    mkdirSync(folder, { recursive: true });
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    writeFileSync(join(folder, 'nginx.conf'), configuration(folder, port, server().url));
    nginx = spawn(NGINX, ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'], {
      stdio: 'inherit',
    });
    await until(() =>
      fetch(`${url}/openapi.json`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
  });
  afterAll(async () => {
    const ended = new Promise((resolve) => nginx.once('exit', resolve));
    nginx.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });

  /** Requests whose responses depend on the session. */
  const QUESTIONS: [string, RequestInit][] = [
    ['/api/users/user-0/installations', {}],
    ['/api/users/nobody/installations', {}],
    ['/api/users/user-0/installations', { method: 'DELETE' }],
    ['/api/nothing', {}],
    [`/graphql?${new URLSearchParams({ query: QUERY, variables: '{"id":"user-0"}' })}`, {}],
    ['/graphql?query={', {}],
    [
      '/graphql',
      { method: 'POST', body: JSON.stringify({ query: QUERY, variables: { id: 'user-0' } }) },
    ],
    ['/graphql', { method: 'POST', body: '{' }],
  ];

  test(`returns no response of another user to ${USERS} users, errors included`, async () => {
    const cookies: (string | undefined)[] = [undefined];
    for (let n = 0; n < USERS; n++) {
      await server().addUser([String(n)], `user-${n}`);
      cookies.push(await cookieOf(`user-${n}`));
    }
    const ask = async (base: string, path: string, init: RequestInit, cookie?: string) => {
      const headers = {
        'content-type': 'application/json',
        'apollo-require-preflight': 'true',
        ...(cookie && { cookie }),
      };
      const response = await fetch(base + path, { ...init, headers });
      const text = await response.text();
      return { status: response.status, text, cache: response.headers.get('x-cache') };
    };
    const counts = { asked: 0, hits: 0, hitsByVaryAlone: 0, wrong: 0 };
    for (const [path, init] of QUESTIONS) {
      for (const cookie of cookies) {
        const right = await ask(server().url, path, init, cookie);
        for (let round = 0; round < ROUNDS; round++) {
          const answer = await ask(url, path, init, cookie);
          const byVary = await ask(`${url}/vary`, path, init, cookie);
          counts.asked += 2;
          if (answer.cache === 'HIT') counts.hits++;
          if (byVary.cache === 'HIT') counts.hitsByVaryAlone++;
          for (const { status, text } of [answer, byVary]) {
            if (status !== right.status || text !== right.text) counts.wrong++;
          }
        }
      }
    }
    expect(counts).toMatchObject({ hits: 0, wrong: 0 });
    // The cache works: for public responses, and for private ones if only Vary applies.
    expect(counts.hitsByVaryAlone).toBeGreaterThan(counts.asked / 4);
    expect((await ask(url, '/openapi.json', {})).cache).toBe('HIT');
    if (size(0, 1)) console.info(JSON.stringify(counts));
  }, 300_000);
});

/** Caches any method and status that Cache-Control and Vary allow; under /vary/ ignores Cache-Control. */
function configuration(folder: string, port: number, upstream: string): string {
  const proxy = `
    proxy_cache answers;
    proxy_cache_methods GET HEAD POST;
    proxy_cache_valid any 10m;
    proxy_cache_key "$request_method $uri $args $request_body";
    proxy_cache_convert_head off;
    add_header X-Cache $upstream_cache_status always;`;
  return `
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
pid nginx.pid;
error_log error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  proxy_cache_path ${folder}/cache keys_zone=answers:10m;
  server {
    listen 127.0.0.1:${port};
    location / {${proxy}
      proxy_pass ${upstream};
    }
    location /vary/ {${proxy}
      proxy_ignore_headers Cache-Control Expires;
      proxy_pass ${upstream}/;
    }
  }
}`;
}
