import { connect } from 'node:net';
import { percentile } from './figures.js';
import { kinds } from './requests.js';

const HEAD_END = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);
const CHUNKS_END = Buffer.from('\r\n0\r\n\r\n');

/** Prepares what goes over the wire, so that sending costs next to nothing. */
function wire({ method, path, cookie, body = '' }) {
  const head = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', `Cookie: ${cookie}`];
  if (body)
    head.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`);
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** The answer at the start of `bytes` once it is complete; undefined until then. */
function parse(bytes) {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const head = bytes.latin1Slice(0, end);
  const start = end + HEAD_END.length;
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  const complete =
    length === undefined
      ? bytes.subarray(-CHUNKS_END.length).equals(CHUNKS_END)
      : bytes.length >= start + Number(length);
  return complete ? { status: Number(head.slice(9, 12)), body: bytes.subarray(start) } : undefined;
}

/**
 * One keep-alive connection with at most one request under way. It reads into one buffer: with a new one for each
 * answer this process stopped for 5 ms again and again to collect them, which counted as the server's.
 */
async function openConnection(port, fail) {
  const connection = { send: (bytes) => socket.write(bytes), close: () => socket.destroy() };
  let received = NOTHING;
  const callback = (length, buffer) => {
    const read = buffer.subarray(0, length);
    const bytes = received.length === 0 ? read : Buffer.concat([received, read]);
    const answer = parse(bytes);
    received = answer ? NOTHING : Buffer.from(bytes);
    if (answer) connection.onAnswer(answer);
    return true;
  };
  const onread = { buffer: Buffer.alloc(8 * 1024), callback };
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.on('error', fail).on('end', () => fail(new Error('The server closed a connection')));
  return connection;
}

/**
 * Sends `rate` requests a second whatever becomes of the answers (an open loop). A request's time
 * counts from the moment it was due, also when it then had to wait for a free connection or for
 * this process: nothing that the server delays is left out (no coordinated omission).
 * Times are in milliseconds; `generator` is the share of one core that sending took.
 */
export async function sendAtRate({ candidate, port }, kind, users, options) {
  const { rate, seconds, connections = 64, check } = options;
  const requests = users.map((user) => wire(kinds[kind].request(user, candidate[kind])));
  const total = Math.round(rate * seconds);
  const times = new Float64Array(total);
  const cpuBefore = process.cpuUsage();

  const { promise: finished, resolve, reject } = withResolvers();
  const free = await Promise.all(
    Array.from({ length: connections }, () => openConnection(port, reject)),
  );
  const all = [...free];
  const start = performance.now();
  let sent = 0;
  let answered = 0;

  function pump() {
    const due = Math.min(total, Math.floor(((performance.now() - start) * rate) / 1000) + 1);
    while (sent < due && free.length > 0) send(free.pop(), sent++);
  }
  function send(connection, index) {
    connection.onAnswer = (answer) => {
      times[index] = performance.now() - start - (index * 1000) / rate;
      free.push(connection);
      if (answer.status !== 200)
        return reject(new Error(`${candidate.title}: status ${answer.status}`));
      try {
        check?.(answer.body, users[index % users.length]);
      } catch (error) {
        return reject(error);
      }
      if (++answered === total) return resolve();
      pump();
    };
    connection.send(requests[index % requests.length]);
  }

  const clock = setInterval(pump, 1);
  const deadline = setTimeout(
    () => reject(new Error('Too slow for this rate')),
    (seconds + 30) * 1000,
  );
  try {
    await finished;
  } finally {
    clearInterval(clock);
    clearTimeout(deadline);
    for (const connection of all) connection.close();
  }

  const elapsed = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuBefore);
  times.sort();
  return {
    rate: (total * 1000) / elapsed,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    max: times[total - 1],
    generator: (user + system) / 1000 / elapsed,
  };
}

function withResolvers() {
  const resolvers = {};
  resolvers.promise = new Promise((resolve, reject) =>
    Object.assign(resolvers, { resolve, reject }),
  );
  return resolvers;
}
