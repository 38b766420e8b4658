import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { buildSchema, isObjectType } from 'graphql';

const committed = readFileSync('schema.graphql', 'utf8');

test('schema.graphql is up to date: npm run schema', () => {
  const printed = execFileSync(process.execPath, ['dist/src/main.js', 'schema'], {
    encoding: 'utf8',
  });
  expect(printed).toBe(committed);
});

test('every type, field and argument has a description', () => {
  const types = Object.values(buildSchema(committed).getTypeMap());
  const own = types.filter((type) => !type.name.startsWith('__') && type.astNode);
  const silent = own.flatMap((type) => [
    ...(type.description || ['Query', 'Mutation'].includes(type.name) ? [] : [type.name]),
    ...(isObjectType(type) ? Object.values(type.getFields()) : []).flatMap((field) => [
      ...(field.description ? [] : [`${type.name}.${field.name}`]),
      ...field.args.filter((arg) => !arg.description).map((arg) => `${field.name}(${arg.name})`),
    ]),
  ]);
  expect(own.length).toBeGreaterThan(3);
  expect(silent).toEqual([]);
});
