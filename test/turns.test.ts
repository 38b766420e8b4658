import { expect, test } from '@jest/globals';
import { ownTurn } from '../src/turns.js';

test('Callers at once have a turn of the event loop each, in their order', async () => {
  let turn = 0;
  let isOver = false;
  const count = () => {
    turn++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const turns = await Promise.all(Array.from({ length: 20 }, () => ownTurn().then(() => turn)));
  isOver = true;
  expect(turns).toEqual([...new Set(turns)]);
  expect(turns).toEqual(turns.toSorted((a, b) => a - b));
});
