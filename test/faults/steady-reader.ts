import { execFileSync } from 'node:child_process';
import { start } from '../cli/process.js';

/** Reads a path, one request after the other, and prints at its end how long each took. */
const READER = `
import http.client, json, signal, sys, time
host, path, cookie = sys.argv[1:]
connection = http.client.HTTPConnection(host, timeout=10)
times, statuses = [], set()
def end(*_):
    print(json.dumps({'times': sorted(times), 'statuses': sorted(statuses)}), flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, end)
print('reading', flush=True)
while True:
    begin = time.perf_counter()
    connection.request('GET', path, headers={'Cookie': cookie})
    response = connection.getresponse()
    response.read()
    times.append((time.perf_counter() - begin) * 1000)
    statuses.add(response.status)
    time.sleep(0.005)
`;

export interface SteadyReads {
  statuses: number[];
  /** Milliseconds. */
  median: number;
  p99: number;
  slowest: number;
}

/** What others wait for while `work` goes on: in a process of its own, which the work does not hold up. */
export async function readMeanwhile(
  { url, path, cookie }: { url: string; path: string; cookie: string },
  work: () => Promise<unknown>,
): Promise<SteadyReads> {
  const reader = start('python3', ['-c', READER, new URL(url).host, path, cookie]);
  await reader.printed(/reading/);
  try {
    await work();
  } finally {
    await reader.stop('SIGTERM');
  }
  const [, json = ''] = await reader.printed(/^(\{.*\})$/m);
  const { times, statuses }: { times: number[]; statuses: number[] } = JSON.parse(json);
  const at = (share: number) =>
    Math.round((times[Math.floor(share * (times.length - 1))] ?? 0) * 10) / 10;
  return { statuses, median: at(0.5), p99: at(0.99), slowest: at(1) };
}

/** The server on a processor of its own; the load, with what this process starts, on another; the database on both. */
export function pinApart(server: { pid: number }): void {
  for (const [processor, pid] of [server.pid, process.pid].entries())
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(processor), String(pid)]);
}
