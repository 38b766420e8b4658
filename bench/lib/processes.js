import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const cleanups = [];

/** Remembers what must be undone at the end, whatever the end is. */
export function atEnd(undo) {
  cleanups.push(undo);
}

let ending;

/** Undoes everything once, last things first. */
export function cleanUp() {
  ending ??= (async () => {
    while (cleanups.length > 0) await cleanups.pop()();
  })();
  return ending;
}

/** A TCP port of the loopback interface that is free now. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * The ids to run PostgreSQL and PgBouncer under: both refuse root.
 * Empty when we are not root, so that it can be spread into spawn's options.
 */
export function unprivileged() {
  if (process.getuid() !== 0) return {};
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const account = ['postgres', 'nobody']
    .map((name) => accounts.find(([candidate]) => candidate === name))
    .find(Boolean);
  if (!account) throw new Error('Run this as a user other than root.');
  return { uid: Number(account[2]), gid: Number(account[3]) };
}

/** Starts a program in the background; `stop` ends it and waits until it is gone. */
export function launch(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaints = (complaints + text).slice(-4000);
  });
  const gone = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  const running = {
    pid: child.pid,
    get exited() {
      return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
    },
    get complaints() {
      return complaints;
    },
    async stop(signal = 'SIGTERM') {
      if (running.exited) return;
      child.kill(signal);
      const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await gone;
      clearTimeout(late);
    },
  };
  atEnd(() => running.stop());
  return running;
}

/** Runs a program to its end and returns what it printed; throws with its complaint when it fails. */
export async function run(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (text) => {
      output[stream] += text;
    });
  }
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  if (code !== 0) throw new Error(`${command} failed (${code}): ${output.stderr || output.stdout}`);
  return output.stdout;
}

/** Repeats `attempt` until it returns something true; a rejection counts as "not yet". */
export async function until(attempt, { what, process: running, seconds = 60, pause = 20 }) {
  const deadline = Date.now() + seconds * 1000;
  let last;
  while (Date.now() < deadline) {
    try {
      const result = await attempt();
      if (result) return result;
    } catch (error) {
      last = error;
    }
    if (running?.exited) throw new Error(`${what} ended at its start: ${running.complaints}`);
    await sleep(pause);
  }
  const reason = running?.complaints || last?.message || 'no answer';
  throw new Error(`${what} was not ready within ${seconds} s: ${reason}`);
}
