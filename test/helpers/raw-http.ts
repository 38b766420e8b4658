import { connect } from 'node:net';

/** Milliseconds after which nothing more is expected: of a request that is not whole, or is answered. */
const NOTHING = 80;
const NOTHING_MORE = 10;
/** Milliseconds after which a connection that was given up must be closed from the other side. */
const HUNG = 10_000;

/**
 * Sends bytes over a connection of their own, and reads until nothing more comes.
 *
 * @param patience milliseconds for the first of it: many, where an answer will come and end the connection
 */
export function exchange(url: string, bytes: string, patience = NOTHING): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    let silence: NodeJS.Timeout;
    const socket = connect({ host: hostname, port: Number(port) });
    const hung = setTimeout(() => {
      socket.destroy();
      reject(new Error(`Not closed: ${JSON.stringify(bytes)}`));
    }, HUNG);
    const wait = (milliseconds: number) => {
      clearTimeout(silence);
      silence = setTimeout(() => socket.end(), milliseconds);
    };
    socket.setEncoding('latin1');
    socket.on('connect', () => wait(patience));
    socket.on('data', (text) => {
      answer += text;
      wait(NOTHING_MORE);
    });
    // A server may well hang up on nonsense, before it has read all of it.
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(silence);
      clearTimeout(hung);
      resolve(answer);
    });
    socket.write(bytes, 'latin1');
  });
}

/** The status of each answer. */
export const statusesOf = (answer: string): number[] =>
  [...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
