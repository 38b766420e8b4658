import { mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Options, transform } from '@swc/core';
import { type Ended, run } from '../cli/process.js';
import { PYTHON } from './python.js';

const SECTIONS = readFileSync('docs/clients.md', 'utf8').split(/^## /m);
const URL = 'http://127.0.0.1:4000';
const TYPESCRIPT: Options = { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } };

/** The programs in a section of docs/clients.md, for a server at `url`; JavaScript, where they are TypeScript. */
export async function programsOf(section: string, url: string): Promise<string[]> {
  const text = SECTIONS.find((found) => found.startsWith(`${section}\n`)) ?? '';
  const blocks = [...text.matchAll(/^```(ts|python)\n(.*?)^```$/gms)];
  return Promise.all(
    blocks.map(async ([, language, code = '']) => {
      const program = code.replaceAll(URL, url);
      if (program === code) throw new Error(`an example of ${section} does not call ${URL}`);
      return language === 'python' ? program : (await transform(program, TYPESCRIPT)).code;
    }),
  );
}

/**
 * Runs a program in JavaScript beside this project's packages.
 *
 * @param main a file of this folder that imports the program by its first argument
 */
export function runProgram(program: string, cookie: string, main?: string, argument = '') {
  const folder = mkdtempSync(join(process.env.TEST_TEMP ?? '', 'client-'));
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
  const path = join(folder, 'example.mjs');
  writeFileSync(path, program);
  const args = main ? [join(process.cwd(), 'test/examples', main), path, argument] : [path];
  return run(process.execPath, args, { COOKIE: cookie });
}

export const runPython = (program: string, cookie: string): Promise<Ended> =>
  run(PYTHON, ['-c', program], { COOKIE: cookie });

/** What relay-main.mjs fetches, as `relay-compiler` prints it. */
export const RELAY_QUERY =
  'query AppQuery {\n  viewer {\n    id\n    installations {\n      id\n      githubInstallationId\n    }\n  }\n}\n';

/** @param params as `relay-compiler` writes them: with `persistConfig`, an id and no text */
export const runRelay = (environment: string, cookie: string, params: object): Promise<Ended> =>
  runProgram(environment, cookie, 'relay-main.mjs', JSON.stringify(params));
