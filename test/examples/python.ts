import { spawnSync } from 'node:child_process';

/** Debian's Python, for which the packages are installed. */
export const PYTHON = '/usr/bin/python3';

/** Without the packages of the examples, CI fails, and other runs skip them with a warning. */
export function hasPython(): boolean {
  const missing = spawnSync(PYTHON, ['-c', 'import httpx, pydantic']).status !== 0;
  if (missing && process.env.CI)
    throw new Error('Python is missing: install python3-httpx and python3-pydantic');
  if (missing) {
    console.warn(
      '\n********\nNOT TESTED: the Python examples: install python3-httpx and python3-pydantic.\n********\n',
    );
  }
  return !missing;
}
