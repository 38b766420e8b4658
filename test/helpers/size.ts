/**
 * How much of something a test does: a few in `npm test`, many where `TEST_SIZE=long` asks for the figures
 * of docs/reliability.md (`npm run test:faults`, `npm run test:fuzz`).
 */
export const size = (short: number, long: number): number =>
  process.env.TEST_SIZE === 'long' ? long : short;
