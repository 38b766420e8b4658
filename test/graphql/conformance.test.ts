import { expect, test } from '@jest/globals';
import { auditServer } from 'graphql-http';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { useServer } from '../helpers/server.js';

/** Recommendations of the specification that Apollo Server does not follow. */
const ALLOWED_TO_FAIL = 3;

describeOnEachDatabase('GraphQL over HTTP', (kind) => {
  const server = useServer(kind);

  test('meets every MUST of the specification, and all but three recommendations', async () => {
    const results = await auditServer({
      url: `${server().url}/graphql`,
      fetchFn: (url: string, init: RequestInit = {}) =>
        fetch(url, { ...init, headers: { ...init.headers, 'apollo-require-preflight': 'true' } }),
    });
    const failed = results.filter(({ status }) => status !== 'ok');
    expect(results).toHaveLength(61);
    expect(failed.filter(({ name }) => name.startsWith('MUST'))).toEqual([]);
    expect(failed.length).toBeLessThanOrEqual(ALLOWED_TO_FAIL);
  });
});
