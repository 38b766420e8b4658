import { afterAll, beforeAll, test } from '@jest/globals';
import fc from 'fast-check';
import { histories } from '../helpers/histories.js';
import { size } from '../helpers/size.js';
import { HistoryScene } from './history-scene.js';

const HISTORIES = size(12, 10_000);
/** Of two at once, one works while the other waits. */
const scenes = Array.from({ length: size(1, 5) }, () => new HistoryScene());

beforeAll(() => Promise.all(scenes.map((scene) => scene.start())), 60_000);
afterAll(() => Promise.all(scenes.map((scene) => scene.stop())));

// A lost `deleted` ends as missing, which is not served; any loss is repaired by one sync.
test(`What is kept equals what is so at GitHub, after each of ${HISTORIES} histories`, async () => {
  const people = { connect: 25, unlink: 8, relink: 5 };
  const others = { deliver: 120, double: 20, pass: 100, sync: 2, kill: 1, ...people };
  const steps = fc.oneof(histories(others), histories({ ...others, lose: 40 }));
  const first = Number(process.env.TEST_SEED ?? Date.now() % 2 ** 31);
  const counts: Record<string, number> = {};
  let count = 0;
  let failure: unknown;
  const playAll = async (scene: HistoryScene) => {
    while (failure === undefined && count < HISTORIES) {
      const seed = first + count++;
      const history = fc.noBias(fc.tuple(steps, fc.nat()));
      const play = fc.asyncProperty(history, async ([steps, seed]) => {
        for (const { name } of steps) counts[name] = (counts[name] ?? 0) + 1;
        await scene.play(steps, seed);
      });
      // Each has a seed of its own. What follows from it depends on times as well, so that a shorter one tells little.
      await fc.assert(play, { numRuns: 1, seed, endOnFailure: true }).catch((error) => {
        failure ??= error;
      });
    }
  };
  await Promise.all(scenes.map(playAll));
  console.info(`seeds from ${first}: ${count} histories of ${JSON.stringify(counts)}`);
  if (failure) throw failure;
}, 21_600_000);
