import { createRequire } from 'node:module';
import { dirname } from 'node:path';

/** Resolved by `imports` in package.json, from `src` and from `dist/src`. */
const MANIFEST = '#package.json';
const require = createRequire(import.meta.url);

export const VERSION: string = require(MANIFEST).version;
/** The root of the source. */
export const PACKAGE_FOLDER = dirname(require.resolve(MANIFEST));
