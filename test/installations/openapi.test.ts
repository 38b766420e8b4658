import { expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { json, useServer } from '../helpers/server.js';

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
});
