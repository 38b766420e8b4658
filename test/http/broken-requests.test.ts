import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { cookieOf, useServer } from '../helpers/server.js';

/** Their response exceeds the socket buffers of the kernel. */
const INSTALLATIONS = 40_000;

describeOnEachDatabase('Invalid HTTP', (kind) => {
  const server = useServer(kind);

  test('is answered after another response, not within it', async () => {
    const userId = await server().addUser();
    await server().addInstallations(userId, INSTALLATIONS);
    const socket = connect(Number(new URL(server().url).port), '127.0.0.1');
    let received = '';
    socket.setEncoding('latin1').on('data', (text) => {
      received += text;
    });
    socket.on('error', () => {});
    socket.write(
      `GET /api/users/${userId}/installations HTTP/1.1\r\nHost: test\r\nCookie: ${await cookieOf(userId)}\r\n\r\n`,
    );
    await once(socket, 'data');
    socket.pause();
    socket.write('no request at all\r\n\r\n');
    await sleep(200);
    const closed = once(socket, 'close');
    socket.resume();
    await closed;
    const [, answer = '', refusal, ...more] = received.split('HTTP/1.1 ');
    const [head = '', body] = answer.split('\r\n\r\n');
    expect(head).toMatch(/^200 /);
    expect(body).toHaveLength(Number(/^content-length: (\d+)/im.exec(head)?.[1]));
    expect([refusal, more]).toEqual([expect.stringMatching(/^400 /), []]);
  });
});
