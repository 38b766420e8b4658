import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, test } from '@jest/globals';
import { SESSION_COOKIE, SESSION_HEADER } from '../../src/session/session-cookie.js';
import { serve } from '../cli/process.js';
import { createDatabase } from '../helpers/databases.js';
import { PASSWORD, sealedBy } from './h3-servers.js';

/** Counts strings in a heap snapshot of a worker, whose heap holds nothing of the test. */
async function countInHeap(keepCookie: boolean) {
  const compiled = (name: string) => pathToFileURL(join(process.cwd(), 'dist/src/session', name));
  const source = `
    const { parentPort } = require('node:worker_threads');
    const { getHeapSnapshot } = require('node:v8');
    (async () => {
      const { SessionReader } = await import('${compiled('session-reader.js')}');
      const { sealSession } = await import('${compiled('seal-session.js')}');
      const reader = new SessionReader({ passwords: ['${PASSWORD}'], maxAge: null });
      const kept = [];
      // Concatenated, so that the search does not find its own source.
      async function signIn() {
        const sealed = await sealSession('remembered-' + 'user', '${PASSWORD}', 0);
        const cookie = Buffer.from('neptun-session=' + sealed).toString('latin1');
        await reader.read({ cookie });
        if (${keepCookie}) kept.push(cookie);
      }
      for (let number = 0; number < 10; number++) await signIn();
      // V8 retains the last match of a regular expression.
      /x/.exec('x');
      await new Promise((resolve) => setTimeout(resolve, 20));
      const chunks = [];
      for await (const chunk of getHeapSnapshot()) chunks.push(chunk);
      const { strings } = JSON.parse(chunks.join(''));
      globalThis.kept = [reader, kept];
      parentPort.postMessage({
        users: strings.filter((text) => text === 'remembered-' + 'user').length,
        seals: strings.filter((text) => /Fe26\\.2\\*\\w*\\*\\w{32}/.test(text)).length,
      });
    })();
  `;
  const worker = new Worker(source, { eval: true });
  const [counts] = await once(worker, 'message');
  await worker.terminate();
  return counts;
}

test('the cache holds the user, and no part of the cookie', async () => {
  expect(await countInHeap(true)).toEqual({ users: 1, seals: 10 });
  expect(await countInHeap(false)).toEqual({ users: 1, seals: 0 });
});

test('no part of a valid or forged cookie is logged at level trace', async () => {
  const database = await createDatabase('PGlite');
  const served = await serve({ ...database.env, SESSION_PASSWORD: PASSWORD, LOG_LEVEL: 'trace' });
  const sealed = await sealedBy('h3 v1', { id: 'logged-user' });
  const forged = sealed.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  for (const text of [sealed, forged]) {
    for (const headers of [{ cookie: `${SESSION_COOKIE}=${text}` }, { [SESSION_HEADER]: text }]) {
      await fetch(`${served.url}/api/users/logged-user/installations`, { headers });
    }
  }
  await served.stop('SIGINT');
  await database.remove();
  const printed = served.stdout() + served.stderr();
  for (const status of [404, 401]) {
    expect(printed.match(new RegExp(`"status":${status}`, 'g'))).toHaveLength(2);
  }
  const secrets = sealed.split('*').filter((part) => part.length > 16);
  expect(secrets).toHaveLength(5);
  for (const secret of secrets) expect(printed).not.toContain(secret.slice(0, 16));
});
