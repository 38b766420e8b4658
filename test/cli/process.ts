import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { afterAll } from '@jest/globals';

const MAIN = join(process.cwd(), 'dist/src/main.js');

export interface Started {
  pid: number;
  /** Types a line, where the program was started with `input`. */
  type(line: string): void;
  /** Output so far. */
  stdout(): string;
  stderr(): string;
  /** Sends the signal and resolves with the exit code; `null`: killed by the signal. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
  /** The exit code. */
  code: Promise<number | null>;
  /** Waits for output; rejects with all output if the process exits before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
}

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Served extends Started {
  url: string;
  /** The command line in the banner; empty if there is none. */
  curl: string;
}

const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a program with only `env` as environment, in a folder without `.env`. */
export function start(
  program: string,
  args: string[],
  env: Record<string, string> = {},
  { input = false } = {},
): Started {
  const folder = mkdtempSync(join(process.env.TEST_TEMP ?? '', 'cwd-'));
  const child = spawn(program, args, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, ...env },
    stdio: 'pipe',
  });
  if (!input) child.stdin.end();
  running.add(child);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] += text;
    });
  }
  const code = once(child, 'close').then(([exitCode]) => {
    running.delete(child);
    return exitCode as number | null;
  });
  return {
    pid: child.pid as number,
    type: (line) => void child.stdin.write(`${line}\n`),
    stdout: () => output.stdout,
    stderr: () => stripVTControlCharacters(output.stderr),
    code,
    stop(signal) {
      child.kill(signal);
      return code;
    },
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = pattern.exec(output.stdout);
          if (found) resolve(found);
        };
        child.stdout.on('data', look);
        look();
        code.then(() => reject(new Error(`process exited: ${output.stdout}${output.stderr}`)));
      }),
  };
}

/** Polls a condition that is not printed. @param time milliseconds */
export async function until(condition: () => unknown, time = 15_000): Promise<void> {
  for (const deadline = Date.now() + time; !(await condition()); await sleep(10)) {
    if (Date.now() > deadline) throw new Error(`timed out after ${time} ms: ${condition}`);
  }
}

export async function run(program: string, args: string[], env = {}): Promise<Ended> {
  const started = start(program, args, env);
  const code = await started.code;
  return { code, stdout: started.stdout(), stderr: started.stderr() };
}

/** Runs a command of this project. */
export const cli = (args: string[], env = {}): Promise<Ended> =>
  run(process.execPath, [MAIN, ...args], env);

/** Starts a command without waiting for its end. */
export const startCli = (args: string[], env = {}, options = {}): Started =>
  start(process.execPath, [MAIN, ...args], env, options);

/** Starts the server on a free port, without waiting for it. */
export const startServing = (env = {}): Started => startCli(['serve'], { PORT: '0', ...env });

/** Starts the server on a free port, and waits for the banner. */
export async function serve(env = {}): Promise<Served> {
  const started = startServing(env);
  const [, url = ''] = await started.printed(/ready at (\S+)[\s\S]*openapi\.json[\s\S]*\n$/);
  const curl =
    started
      .stdout()
      .split('\n')
      .find((line) => line.startsWith('curl ')) ?? '';
  return { ...started, url, curl };
}
