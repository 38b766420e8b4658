import { connect } from 'node:net';

/** Milliseconds without data after which the response is complete. */
const FIRST_DATA_TIMEOUT = 80;
const MORE_DATA_TIMEOUT = 10;
/** Milliseconds after which the server must have closed a half-closed connection. */
const CLOSE_TIMEOUT = 10_000;

/**
 * Sends bytes over their own connection, and reads the responses.
 *
 * @param timeout milliseconds until the first data: long if the server will respond and close the connection
 */
export function exchange(
  url: string,
  bytes: string,
  timeout = FIRST_DATA_TIMEOUT,
): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    let idleTimer: NodeJS.Timeout;
    const socket = connect({ host: hostname, port: Number(port) });
    const closeTimer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`not closed by the server: ${JSON.stringify(bytes)}`));
    }, CLOSE_TIMEOUT);
    const wait = (milliseconds: number) => {
      clearTimeout(idleTimer);
      idleTimer = setTimeout(() => socket.end(), milliseconds);
    };
    socket.setEncoding('latin1');
    socket.on('connect', () => wait(timeout));
    socket.on('data', (text) => {
      answer += text;
      wait(MORE_DATA_TIMEOUT);
    });
    // The server may reset the connection before it has read all bytes.
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(idleTimer);
      clearTimeout(closeTimer);
      resolve(answer);
    });
    socket.write(bytes, 'latin1');
  });
}

/** The status of each response. */
export const statusesOf = (answer: string): number[] =>
  [...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
