import { describe, expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { addInstallationFacts, addRepositories } from '../helpers/facts.js';
import { cookieOf, json, startTestServer, useServer } from '../helpers/server.js';

describeOnEachDatabase('/openapi.json', (kind) => {
  const server = useServer(kind);
  const read = async () => json(await fetch(`${server().url}/openapi.json`));

  test('is valid OpenAPI 3.1', async () => {
    expect(await new Validator().validate(await read())).toEqual({ valid: true });
  });

  test('describes the answers that the server gives', async () => {
    const document = await read();
    const { responses } = document.paths['/api/users/{user_id}/installations'].get;
    const ajv = new Ajv2020({ strict: false });
    formats.default(ajv);
    ajv.addSchema(document, 'document');
    const userId = await server().addUser(['12345678']);
    for (const [as, status] of [
      [userId, 200],
      [null, 401],
      ['another', 404],
    ] as const) {
      const response = await server().rest(userId, { as });
      expect(response.status).toBe(status);
      const { schema } = responses[status].content['application/json'];
      const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/'));
      const validate = ajv.compile(absolute);
      expect([validate(await response.json()), validate.errors]).toEqual([true, null]);
    }
  });

  test('describes unlinking and imports', async () => {
    const document = await read();
    const ajv = new Ajv2020({ strict: false });
    formats.default(ajv);
    ajv.addSchema(document, 'document');
    const userId = await server().addUser(['12345678']);
    await addInstallationFacts(server(), [{ id: '12345678' }]);
    await addRepositories(server(), '12345678', [{ id: '9' }]);
    const [{ id }] = await json(await server().rest(userId));
    const path = '/api/users/{user_id}/installations/{installation_id}';
    const cookie = await cookieOf(userId);
    const url = `${server().url}/api/users/${userId}/installations/${id}`;
    for (const [method, template, address, status] of [
      ['get', `${path}/imports`, `${url}/imports`, 200],
      ['delete', path, url, 200],
      ['delete', path, url, 404],
      ['get', `${path}/imports`, `${url}/imports`, 404],
    ] as const) {
      const response = await fetch(address, { method: method.toUpperCase(), headers: { cookie } });
      expect(response.status).toBe(status);
      const { schema } =
        document.paths[template][method].responses[status].content['application/json'];
      const validate = ajv.compile(
        JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/')),
      );
      const body = await json(response);
      expect([validate(body), validate.errors]).toEqual([true, null]);
      if (status === 200 && method === 'get') expect(body).toHaveLength(1);
    }
  });

  test('names its components as the published document does, with licence, contact and tags', async () => {
    const { components, info, tags, paths } = await read();
    expect(Object.keys(components.schemas)).toEqual([
      'GithubAppInstallation',
      'GithubAppInstallationImport',
      'GetInstallationsError',
    ]);
    expect(info.license.identifier).toBe('MIT');
    expect(info.contact.name).toMatch(/\w/);
    const used = Object.values<any>(paths).flatMap((item) => (item.get ?? item.delete).tags);
    expect(tags.map(({ name }: { name: string }) => name)).toEqual([...new Set(used)]);
  });
});

describe('/openapi.json describes every header', () => {
  /** Of HTTP itself (RFC 9110 and 9112). */
  const FRAMING = ['connection', 'content-length', 'content-type', 'date', 'keep-alive'];
  const limited = useServer('PGlite', { RATE_LIMIT: '1000', RATE_LIMIT_ANONYMOUS: '20' });

  const tooMany = async (userId: string) => {
    for (let count = 0; count < 20; count++) await limited().rest(userId, { as: null });
    return limited().rest(userId, { as: null });
  };

  test('of the answers 200, 304, 401, 404, 405, 429 and 503', async () => {
    const document = await json(await fetch(`${limited().url}/openapi.json`));
    const { responses } = document.paths['/api/users/{user_id}/installations'].get;
    const me = await limited().addUser();
    const ok = await limited().rest(me);
    const etag = ok.headers.get('etag') ?? '';
    const DATABASE_URL = 'postgresql://nobody@127.0.0.1:1/none';
    const env = { DATABASE_URL, DATA_DIR: process.env.TEST_TEMP ?? '' };
    const away = await startTestServer({ env, remove: async () => {} }, { RATE_LIMIT: '9' });
    const answers = [
      ok,
      await limited().rest(me, { headers: { 'if-none-match': etag } }),
      await limited().rest(me, { as: null }),
      await limited().rest('another', { as: me }),
      await limited().rest(me, { method: 'DELETE', as: null }),
      await tooMany(me),
      await away.rest(me),
    ];
    await away.close();
    expect(answers.map(({ status }) => status)).toEqual([200, 304, 401, 404, 405, 429, 503]);
    for (const { status, headers } of answers) {
      const described = Object.keys(responses[status].headers).map((name) => name.toLowerCase());
      const sent = [...headers.keys()].filter((name) => !FRAMING.includes(name));
      expect([status, sent.filter((name) => !described.includes(name))]).toEqual([status, []]);
    }
    for (const { headers } of Object.values<any>(responses)) {
      for (const { description } of Object.values<any>(headers)) expect(description).toMatch(/\w/);
    }
  });
});
