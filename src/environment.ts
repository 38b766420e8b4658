import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseEnv } from 'node:util';

export const FILE = '.env';
const BYTE_ORDER_MARKS: Record<string, string> = { fffe: 'utf-16le', feff: 'utf-16be' };
/** The line of an unquoted value, which `parseEnv` cuts at its first #, also without a blank before. */
const CUT = /^([\w.-]+)=[^\s"'`#][^\n#]*(?<![ \t])#/gm;
/** A value in quotes may have several lines. */
const QUOTED = /^[\w.-]+=(["'`])[\s\S]*?\1/gm;

/** The variables of a process, and what is wrong with the file that they come from. */
export interface Environment {
  readonly variables: NodeJS.ProcessEnv;
  /** Without values, which may be secret. */
  readonly faults: readonly string[];
}

/** The variables of the process, which win over those of an optional `.env` file; `known` are ours. */
export function processEnvironment(known: readonly string[]): Environment {
  const { variables, faults } = readFile(known);
  for (const [name, value] of Object.entries(variables)) process.env[name] ??= value;
  return { variables: process.env, faults };
}

function readFile(known: readonly string[]): Environment {
  try {
    return parse(decode(readFileSync(FILE)), known);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { variables: {}, faults: [] };
    return { variables: {}, faults: [`${FILE} must be a file with text in UTF-8 (${code})`] };
  }
}

/** Editors save UTF-8 or UTF-16, with or without a byte order mark, and any line ends; `parseEnv` takes tabs as text. */
function decode(bytes: Buffer): string {
  const encoding = BYTE_ORDER_MARKS[bytes.subarray(0, 2).toString('hex')] ?? 'utf-8';
  const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  if (text.includes('\0')) throw Object.assign(new Error('It is not text'), { code: 'NUL' });
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/^[ \t]+/gm, '')
    .replace(/^(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*/gm, '$1=');
}

function parse(text: string, known: readonly string[]): Environment {
  const cut = [...text.matchAll(CUT)].map(([, name = '']) => name);
  return {
    variables: parseEnv(text),
    faults: [
      ...brokenLines(text).map((line) => `${FILE} must have NAME=value in line ${line}`),
      ...known
        .filter((name) => cut.includes(name))
        .map((name) => `${name} must stand in quotes in ${FILE}, or it ends at its #`),
    ],
  };
}

/** Numbers of lines that `parseEnv` takes for a part of the next name, or skips, by the version of Node.js. */
function brokenLines(text: string): number[] {
  const unquoted = text.replace(QUOTED, (value) => `${value.replace(/[^\n]/g, '')}=`);
  const lines = unquoted.split('\n').map((line) => line.trim());
  return lines.flatMap((line, at) => (/^$|^#|=/.test(line) ? [] : [at + 1]));
}

/** Of a folder that does not exist yet, the one in which it is made decides. */
export function isWritableFolder(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return statSync(path).isDirectory();
  } catch (error) {
    const parent = dirname(resolve(path));
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return absent && isWritableFolder(parent);
  }
}
