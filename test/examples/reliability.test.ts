import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

test('each command of docs/reliability.md runs an existing test', () => {
  const files = readdirSync('test', { recursive: true }).map((file) => `test/${file}`);
  const document = readFileSync('docs/reliability.md', 'utf8');
  const commands = [...document.matchAll(/`npm (?:test|run test:(\w+)) -- ([\w/-]+)`/g)];
  expect(commands.length).toBeGreaterThan(20);
  const missing = commands.filter(
    ([, folder = '', name = '']) =>
      !files.some(
        (file) => file.endsWith('.test.ts') && file.includes(`${folder}/`) && file.includes(name),
      ),
  );
  expect(missing.map(([command]) => command)).toEqual([]);
});
