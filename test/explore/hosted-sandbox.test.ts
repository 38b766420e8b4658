import { describe, expect, test } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { cookieOf, json, useServer } from '../helpers/server.js';
import { describeInBrowser } from './browser.js';

const STUDIO = 'https://studio.apollographql.com';
const INTROSPECTION = getIntrospectionQuery({
  descriptions: true,
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
  oneOf: true,
});
const QUERY = '{ viewer { installations { githubInstallationId } } }';
/** The value alone, as a person pastes it into the header’s field. */
const sealOf = async (user: string) => (await cookieOf(user)).replace(/^[^=]+=/, '');

describe('The hosted Sandbox', () => {
  const server = useServer('PGlite', { NODE_ENV: 'development', CORS_ORIGINS: STUDIO });
  const preflight = (origin: string) =>
    fetch(`${server().url}/graphql`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers':
          'apollographql-client-name,apollographql-client-version,content-type,x-neptun-session-session',
        'access-control-request-private-network': 'true',
      },
    });

  test('may send a session in a header, from the internet to this machine', async () => {
    const { status, headers } = await preflight(STUDIO);
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(STUDIO);
    expect(headers.get('access-control-allow-credentials')).toBe('true');
    expect(headers.get('access-control-allow-methods')).toContain('POST');
    expect(headers.get('access-control-allow-private-network')).toBe('true');
    const allowed = headers.get('access-control-allow-headers')?.toLowerCase() ?? '';
    for (const name of ['content-type', 'x-neptun-session-session', 'apollographql-client-name'])
      expect(allowed).toContain(name);
  });

  test('is the only origin that may', async () => {
    const { headers } = await preflight('https://evil.example');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('access-control-allow-private-network')).toBeNull();
  });

  test.each(['IntrospectionQuery', undefined])('gets its answer: %s', async (operationName) => {
    const response = await server().graphql(
      { query: operationName ? INTROSPECTION : QUERY, variables: {}, operationName },
      {
        headers: {
          origin: STUDIO,
          accept: '*/*',
          'apollographql-client-name': 'explorer',
          'x-neptun-session-session': await sealOf('user123'),
        },
      },
    );
    expect(response.headers.get('access-control-allow-origin')).toBe(STUDIO);
    const { data, errors } = await json(response);
    expect(errors).toBeUndefined();
    if (operationName) expect(data.__schema.queryType.name).toBe('Query');
    else expect(data.viewer.installations).toHaveLength(3);
  });
});

describeInBrowser('A page of the hosted Sandbox', (_visit, profile) => {
  const server = useServer('PGlite', { NODE_ENV: 'development', CORS_ORIGINS: STUDIO });

  test('reads the installations through the browser’s own checks', async () => {
    const context = await profile();
    // A person allows it in a dialog.
    await context.grantPermissions(['local-network-access']).catch(() => {});
    const page = await context.newPage();
    await page.route(`${STUDIO}/**`, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<title>Sandbox</title>' }),
    );
    await page.goto(`${STUDIO}/sandbox/explorer`);
    const answer: any = await page.evaluate(
      ({ url, query, session }) =>
        fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-neptun-session-session': session },
          body: JSON.stringify({ query }),
        }).then((response) => response.json()),
      { url: `${server().url}/graphql`, query: QUERY, session: await sealOf('user123') },
    );
    expect(answer.data.viewer.installations).toHaveLength(3);
    await context.close();
  });
});
