import { rmSync } from 'node:fs';

export default async function globalTeardown(): Promise<void> {
  await globalThis.testCluster?.remove();
  if (process.env.TEST_TEMP) rmSync(process.env.TEST_TEMP, { recursive: true, force: true });
}
