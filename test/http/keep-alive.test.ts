import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { SILENCE_TIMEOUT } from '../../src/timeouts.js';
import { useServer } from '../helpers/server.js';

const REQUEST = 'GET /live HTTP/1.1\r\nHost: a\r\n\r\n';

function open(url: string) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('latin1');
  socket.on('error', () => {});
  return {
    socket,
    async ask(): Promise<string> {
      socket.write(REQUEST);
      return (await once(socket, 'data'))[0];
    },
  };
}

describe('An idle connection', () => {
  const patient = useServer('PGlite', { KEEP_ALIVE_TIMEOUT: '20' });
  const brief = useServer('PGlite', { KEEP_ALIVE_TIMEOUT: '1' });

  test('is kept for as long as KEEP_ALIVE_TIMEOUT says, beyond the timeout of silence', async () => {
    const { socket, ask } = open(patient().url);
    expect(await ask()).toMatch(/^HTTP\/1.1 200.*Keep-Alive: timeout=20/s);
    await sleep(SILENCE_TIMEOUT + 1_000);
    expect(await ask()).toMatch(/^HTTP\/1.1 200/);
    socket.destroy();
  });

  test('is closed then', async () => {
    const { socket, ask } = open(brief().url);
    await ask();
    await once(socket, 'close');
  });
});
