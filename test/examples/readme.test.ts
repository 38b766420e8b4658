import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { cookieOf, json, useServer } from '../helpers/server.js';

const README = readFileSync('README.md', 'utf8');
const EXAMPLES = [...README.matchAll(/^```(\w+)\n(.*?)^```/gms)].map(([, language, text]) => ({
  language,
  text: text as string,
}));

describe('The README’s examples', () => {
  // The embedded database holds the demo user of the examples.
  const server = useServer('PGlite');

  test.each(EXAMPLES.filter(({ text }) => text.startsWith('curl')))('$text', async ({ text }) => {
    const command = text.replace('http://127.0.0.1:4000', server().url);
    const env = { ...process.env, COOKIE: await cookieOf('user123') };
    const { stdout: answer } = await promisify(execFile)('bash', ['-c', command], { env });
    const rows = command.includes('graphql')
      ? JSON.parse(answer).data.viewer.installations
      : JSON.parse(answer);
    expect(rows).toHaveLength(3);
  });

  test('show the REST response', async () => {
    const shown = EXAMPLES.find(({ language }) => language === 'json')?.text ?? '';
    const rows = await json(await server().rest('user123'));
    expect(rows.slice(0, 1)).toEqual(JSON.parse(shown));
  });

  test('show a valid query', async () => {
    const query = EXAMPLES.find(({ language }) => language === 'graphql')?.text;
    const body = { query, variables: { id: 'user123' } };
    const { data, errors } = await json(await server().graphql(body, { as: 'user123' }));
    expect(errors).toBeUndefined();
    expect(data.user.installations[0]).toMatchObject({ githubInstallationId: '12345678' });
  });

  test('include two curl commands', () => {
    expect(EXAMPLES.filter(({ text }) => text.startsWith('curl'))).toHaveLength(2);
  });
});
