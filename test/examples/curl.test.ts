import { expect, test } from '@jest/globals';
import { sealSession } from '../../src/session/seal-session.js';
import { run } from '../cli/process.js';
import { PASSWORD, useServer } from '../helpers/server.js';
import { documentedCode } from './document.js';

const server = useServer('PGlite');

async function curl(userId: string, session: string): Promise<unknown> {
  const code = documentedCode('bash', server().url)
    .replace('your-session-cookie', session)
    .replace('your-user-id', userId);
  return JSON.parse((await run('bash', ['-c', code])).stdout);
}

test('the document’s cURL example prints the installations of the session’s user', async () => {
  const userId = await server().addUser(['12345678', '4294967299']);
  expect(await curl(userId, await sealSession(userId, PASSWORD, 60))).toMatchObject([
    { neptun_user_id: userId, github_installation_id: '12345678' },
    { neptun_user_id: userId, github_installation_id: '4294967299' },
  ]);
});

test('the document’s cURL example prints the documented errors', async () => {
  const session = await sealSession(await server().addUser(), PASSWORD, 60);
  const foreign = await server().addUser(['12345678']);
  expect(await curl(foreign, session)).toEqual({
    statusCode: 404,
    statusMessage: 'Not Found',
    data: { message: 'User not found' },
  });
  expect(await curl(foreign, 'your-session-cookie')).toMatchObject({ statusCode: 401 });
});
