import { describe, expect, test } from '@jest/globals';
import { sealSession } from '../../src/session/seal-session.js';
import { type Ended, run } from '../cli/process.js';
import { PASSWORD, useServer } from '../helpers/server.js';
import { documentedCode } from './document.js';
import { hasPython, PYTHON } from './python.js';

/** A script that calls the code of the document. */
const program = (code: string) => `
import asyncio, httpx, sys
${code}
try:
    for item in asyncio.run(get_github_installations(*sys.argv[1:])):
        print(item.id, item.neptun_user_id, item.github_installation_id, item.created_at.tzinfo)
except httpx.HTTPStatusError as error:
    refused = GetInstallationsError(**error.response.json())
    sys.exit(f"{refused.statusCode} {refused.statusMessage}: {refused.data['message']}")
`;

(hasPython() ? describe : describe.skip)('The document’s Python example', () => {
  const server = useServer('PGlite');
  const python = (userId: string, session: string): Promise<Ended> =>
    run(PYTHON, ['-c', program(documentedCode('python', server().url)), userId, session]);

  test('returns the installations of the session’s user, as its models', async () => {
    const userId = await server().addUser(['12345678', '4294967299']);
    const { code, stdout, stderr } = await python(userId, await sealSession(userId, PASSWORD, 60));
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      new RegExp(`^\\d+ ${userId} 12345678 UTC\\n\\d+ ${userId} 4294967299 UTC\\n$`),
    );
  });

  test('returns nothing for a user without installations', async () => {
    const userId = await server().addUser();
    const { code, stdout } = await python(userId, await sealSession(userId, PASSWORD, 60));
    expect([code, stdout]).toEqual([0, '']);
  });

  test('raises the documented error for a foreign user, and without a session', async () => {
    const session = await sealSession(await server().addUser(), PASSWORD, 60);
    const foreign = await server().addUser(['12345678']);
    const refused = await python(foreign, session);
    expect([refused.code, refused.stderr]).toEqual([1, '404 Not Found: User not found\n']);
    expect((await python(foreign, '')).stderr).toMatch(/^401 Unauthorized: /);
  });
});
