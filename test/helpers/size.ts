/** `TEST_SIZE=long` (`npm run test:faults`, `npm run test:fuzz`) reproduces the figures of docs/reliability.md. */
export const size = (short: number, long: number): number =>
  process.env.TEST_SIZE === 'long' ? long : short;
