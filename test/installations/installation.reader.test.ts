import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { InstallationReader } from '../../src/installations/installation.reader.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { useServer } from '../helpers/server.js';

describeOnEachDatabase('The reader', (kind) => {
  const server = useServer(kind);

  test('sends a statement in the context of the first who waits for it', async () => {
    const userId = await server().addUser();
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const reader = new InstallationReader({
      query(text, values, name) {
        seen.push(request.getStore());
        return server().database.query(text, values, name);
      },
    });
    const reads = [request.run('one', () => reader.read(userId))];
    await turn();
    // Enough of them to leave when the statement under way ends, which is in the context of `one`.
    for (let number = 0; number < 10; number++)
      reads.push(request.run(`two ${number}`, () => reader.read(`nobody-${number}`)));
    const [one, ...others] = await Promise.all(reads);
    await request.run('three', () => reader.read(userId));
    expect(one?.id).toBe(userId);
    expect(new Set(others)).toEqual(new Set([null]));
    expect(seen).toEqual(['one', 'two 0', 'three']);
  });
});
