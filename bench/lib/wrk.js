import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd, run } from './processes.js';
import { kinds } from './requests.js';

/** Seconds before the first round: V8 goes on compiling what is hot for some hundred thousand requests. */
export const WARM_UP = 8;

const script = join(import.meta.dirname, 'rotate.lua');

let folder;
const files = new Map();

/** Writes the requests for rotate.lua, once for each list of users and form of request. */
function requestFile(candidate, kind, users) {
  folder ??= mkdtempSync(join(tmpdir(), 'bench-requests-'));
  const lines = users.map((user) => {
    const { method, path, cookie, body = '' } = kinds[kind].request(user, candidate[kind]);
    return [method, path, cookie, body].join('\t');
  });
  const text = `${lines.join('\n')}\n`;
  if (!files.has(text)) {
    const file = join(folder, `${files.size}.tsv`);
    writeFileSync(file, text);
    files.set(text, file);
  }
  return files.get(text);
}

export async function requireWrk() {
  await run('sh', ['-c', 'command -v wrk']).catch(() => {
    throw new Error(
      'wrk is missing: install the package wrk (Debian and Ubuntu: apt install wrk).',
    );
  });
  atEnd(() => folder && rmSync(folder, { recursive: true, force: true }));
}

/**
 * One run of wrk: as many requests as `connections` can send one after another (a closed loop).
 * Throws when an answer is not a 2xx.
 */
export async function wrk({ candidate, port }, kind, users, { seconds, connections = 32 }) {
  const file = requestFile(candidate, kind, users);
  const output = await run('wrk', [
    ...['--threads', '1', '--connections', connections, '--duration', `${seconds}s`],
    ...['--script', script, `http://127.0.0.1:${port}`, '--', file],
  ]);
  const { requests, microseconds, bytes, bad } = JSON.parse(output.trim().split('\n').at(-1));
  if (bad > 0) throw new Error(`${candidate.title}: ${bad} of ${requests} requests failed`);
  return { requests, bytes, rate: requests / (microseconds / 1e6) };
}
