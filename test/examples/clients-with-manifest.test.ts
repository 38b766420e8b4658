import { createHash, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { describe, expect, test } from '@jest/globals';
import { print } from 'graphql';
import { cookieOf, useServer } from '../helpers/server.js';
import { programsOf, RELAY_QUERY, runRelay } from './client-programs.js';

const query = gql('query Mine { viewer { id } }');
const cache = new InMemoryCache();
/** As Apollo Client sends it. */
const APOLLO_QUERY = print(cache.transformDocument(query));
const idOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** Whether each request of Apollo Client has the text, for two queries through `PersistedQueryLink`. */
async function textsSent(url: string): Promise<boolean[]> {
  const bodies: object[] = [];
  const http = new HttpLink({
    uri: `${url}/graphql`,
    headers: { cookie: await cookieOf('user123') },
    fetch: (input, init) => {
      bodies.push(JSON.parse(String(init?.body)));
      return fetch(input, init);
    },
  });
  const persisted = new PersistedQueryLink({ generateHash: (document) => idOf(print(document)) });
  const client = new ApolloClient({ link: persisted.concat(http), cache });
  for (let time = 0; time < 2; time++) {
    const { data } = await client.query({ query, fetchPolicy: 'network-only' });
    expect(data).toMatchObject({ viewer: { id: 'user123' } });
  }
  return bodies.map((body) => 'query' in body);
}

describe('With a manifest', () => {
  const texts = [APOLLO_QUERY, RELAY_QUERY];
  const manifest = join(process.env.TEST_TEMP ?? '', `${randomUUID()}.json`);
  writeFileSync(
    manifest,
    JSON.stringify(Object.fromEntries(texts.map((text) => [idOf(text), text]))),
  );
  const server = useServer('PGlite', { OPERATIONS_MANIFEST: manifest });

  test('Apollo Client sends ids only', async () => {
    expect(await textsSent(server().url)).toEqual([false, false]);
  });

  test.each([
    ['the id', { id: idOf(RELAY_QUERY), text: null }],
    ['id and text', { id: idOf(RELAY_QUERY), text: RELAY_QUERY }],
  ])('Relay’s example sends %s', async (_what, params) => {
    const [environment = ''] = await programsOf('Relay', server().url);
    const { stdout } = await runRelay(environment, await cookieOf('user123'), params);
    expect(stdout).toContain('12345678');
  });
});

describe('Without a manifest', () => {
  const server = useServer('PGlite');

  test('Apollo Client sends the text after the first refused id', async () => {
    expect(await textsSent(server().url)).toEqual([false, true, true]);
  });
});
