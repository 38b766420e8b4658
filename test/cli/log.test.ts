import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, jest, test } from '@jest/globals';
import { createDatabase } from '../helpers/databases.js';

const MAIN = join(process.cwd(), 'dist/src/main.js');
const FAULT = `process.on('SIGUSR2', () => { throw new Error('unforeseen') })`;
jest.setTimeout(120_000);

/** Polls for as long as the test may last: a start takes long on a busy machine. */
async function until(condition: () => unknown): Promise<void> {
  while (!(await condition())) await sleep(20);
}

const descriptors: number[] = [];
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  for (const descriptor of descriptors) closeSync(descriptor);
});
const open = (path: string, flags: number | string): number => {
  const descriptor = openSync(path, flags);
  descriptors.push(descriptor);
  return descriptor;
};

/** A pipe that nobody reads, and that has no room left. `end` reads it: a child process makes `pipe` a blocking one. */
function fullPipe(): { pipe: number; end: number } {
  const path = join(process.env.TEST_TEMP ?? '', `pipe-${descriptors.length}`);
  execFileSync('mkfifo', [path]);
  const pipe = open(path, constants.O_RDWR | constants.O_NONBLOCK);
  const end = open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  expect(() => {
    for (;;) writeSync(pipe, `${'x'.repeat(99)}\n`);
  }).toThrow(/EAGAIN/);
  return { pipe, end };
}

/** All that the pipe holds now. */
function drain(end: number): string {
  const block = Buffer.alloc(1 << 16);
  let text = '';
  try {
    for (;;) text += block.toString('utf8', 0, readSync(end, block));
  } catch (error) {
    expect(error).toMatchObject({ code: 'EAGAIN' });
  }
  return text;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

/** Starts the server with a standard output that cannot be written, and waits until it answers. */
async function serveInto(stdout: number | 'pipe', stderr: number | 'pipe' = 'pipe') {
  const { env } = await createDatabase('PGlite');
  const port = await freePort();
  const child = spawn(process.execPath, [MAIN, 'serve'], {
    env: {
      ...env,
      PATH: process.env.PATH,
      PORT: String(port),
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(FAULT)}`,
    },
    stdio: ['ignore', stdout, stderr],
  });
  children.push(child);
  if (stdout === 'pipe') child.stdout?.destroy();
  if (stderr === 'pipe') child.stderr?.destroy();
  const code = once(child, 'exit').then(([exitCode]) => exitCode as number | null);
  const url = `http://127.0.0.1:${port}`;
  await until(() =>
    fetch(`${url}/ready`).then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
  return {
    url,
    stop(signal: NodeJS.Signals) {
      child.kill(signal);
      return Promise.race([code, sleep(20_000, 'still running', { ref: false })]);
    },
  };
}

const fullDisk = () => open('/dev/full', 'w');
const unread = () => fullPipe().pipe;
const closedPipe = () => 'pipe' as const;

test.each([
  ['a full disk', 'SIGINT', 0, fullDisk],
  ['a full disk', 'SIGUSR2', 1, fullDisk],
  ['a pipe that nobody reads', 'SIGINT', 0, unread],
  ['a pipe that nobody reads', 'SIGUSR2', 1, unread],
  ['a pipe that its reader has closed', 'SIGINT', 0, closedPipe],
] as const)(
  'a log into %s does not hold requests, and %s exits with %i',
  async (_kind, signal, code, stdout) => {
    const { url, stop } = await serveInto(stdout(), stdout());
    for (let n = 0; n < 3; n++) expect((await fetch(`${url}/openapi.json`)).status).toBe(200);
    expect(await stop(signal)).toBe(code);
  },
);

test('lines wait for the reader of a pipe, in order, with the banner at its place', async () => {
  const { pipe, end } = fullPipe();
  const { url, stop } = await serveInto(pipe);
  drain(end);
  let text = '';
  const printed = (part: string) =>
    until(() => {
      text += drain(end);
      return text.includes(part);
    });
  await printed('ready at');
  expect(text).toMatch(/Server listening at[\s\S]*ready at/);
  expect((await fetch(`${url}/openapi.json`)).status).toBe(200);
  await printed('"route":"/openapi.json"');
  expect(await stop('SIGINT')).toBe(0);
  expect(drain(end)).toMatch(/"msg":"ending"/);
});

/** Writes 100,000 lines, then what was lost and how much memory it took to standard error. */
const FLOOD = `
  import { droppedLines } from '${join(process.cwd(), 'dist/src/observability/events.js')}';
  import { createLog } from '${join(process.cwd(), 'dist/src/server.js')}';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { writeSync } from 'node:fs';
  let lost = 0;
  droppedLines.subscribe((lines) => { lost += lines; });
  const log = createLog({ logLevel: 'info' });
  const before = process.memoryUsage().rss;
  for (let n = 0; n < 100_000; n++) {
    log.info({ n }, 'x'.repeat(100));
    if (n % 1_000 === 0) await sleep(1);
  }
  writeSync(2, JSON.stringify({ lost, grown: process.memoryUsage().rss - before }) + '\\n');
  await sleep(60_000);
`;

test('lines beyond the bound are dropped, counted and reported once, and memory is bounded', async () => {
  const { pipe, end } = fullPipe();
  const report = join(process.env.TEST_TEMP ?? '', 'flood.json');
  const child = spawn(process.execPath, ['--input-type=module', '-e', FLOOD], {
    stdio: ['ignore', pipe, open(report, 'w')],
  });
  children.push(child);
  await until(() => readFileSync(report, 'utf8').endsWith('\n'));
  const { lost, grown } = JSON.parse(readFileSync(report, 'utf8'));
  expect(grown).toBeLessThan(60_000_000);
  let text = '';
  await until(() => {
    text += drain(end);
    return text.includes('were lost');
  });
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  const written = lines.filter(({ n }) => n !== undefined).map(({ n }) => n);
  expect(written).toEqual(written.map((_, index) => index));
  expect(written.length + lost).toBe(100_000);
  expect(lines.filter(({ level }) => level === 50)).toEqual([
    expect.objectContaining({ lines: lost, msg: expect.stringContaining('were lost') }),
  ]);
});
