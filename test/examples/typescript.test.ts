import { expect, test } from '@jest/globals';
import { transform } from '@swc/core';
import { describeInBrowser, type Visit } from '../explore/browser.js';
import { useServer } from '../helpers/server.js';
import { documentedCode } from './document.js';

/** In a browser: elsewhere `credentials: 'include'` sends no cookies. */
describeInBrowser('The document’s TypeScript example', (visit) => {
  const server = useServer('PGlite', { NODE_ENV: 'development' });

  /** Calls the example in a page of the same origin. */
  async function installations({ page }: Visit, userId: string): Promise<unknown> {
    const { code } = await transform(documentedCode('typescript', server().url), {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    });
    await page.goto(`${server().url}/graphiql/`);
    return page.evaluate(
      `(() => { ${code}; return getGithubInstallations(${JSON.stringify(userId)}); })()`,
    );
  }

  test('resolves with the installations of the signed-in user', async () => {
    const visitor = await visit(server().url);
    await visitor.page.goto(`${server().url}/dev/sign-in`);
    const items = await installations(visitor, 'user123');
    expect(items).toHaveLength(3);
    expect(items).toContainEqual({
      id: 1,
      neptun_user_id: 'user123',
      github_installation_id: '12345678',
      created_at: '2024-03-20T10:00:00.000Z',
      updated_at: '2024-03-20T10:00:00.000Z',
    });
  });

  test('throws for a foreign user, and without a session', async () => {
    const foreign = await server().addUser(['12345678']);
    const visitor = await visit(server().url);
    await expect(installations(visitor, 'user123')).rejects.toThrow('HTTP error! status: 401');
    await visitor.page.goto(`${server().url}/dev/sign-in`);
    await expect(installations(visitor, foreign)).rejects.toThrow('HTTP error! status: 404');
  });
});
