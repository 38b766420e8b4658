import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** How a stand-in treats a client that has sent its first bytes. */
type Answer = (socket: Socket) => void;

export interface FakePostgres {
  /** Replaces the URL of the server. */
  url: string;
  /** Ends all connections; later ones are answered so. `null`: they are passed on to the real server. */
  set(answer: Answer | null): void;
  close(): Promise<void>;
}

/** A stand-in before a real PostgreSQL, which may answer in its place. */
export async function startFakePostgres(url: string): Promise<FakePostgres> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let answer: Answer | null = null;
  const front = createServer((client) => {
    keep(client);
    if (answer) {
      client.once('data', () => answer?.(client));
      return;
    }
    const server = keep(connect(Number(target.port), target.hostname));
    client.pipe(server).pipe(client);
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
  });
  function keep(socket: Socket): Socket {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  }
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const own = new URL(url);
  own.host = `127.0.0.1:${(front.address() as AddressInfo).port}`;
  return {
    url: own.href,
    set(next) {
      answer = next;
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => front.close(resolve));
    },
  };
}

/** A message of the protocol: https://www.postgresql.org/docs/current/protocol-message-formats.html */
export function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

/** ErrorResponse, after which a server closes; its message names a secret. */
export function errorResponse(state: string): Buffer {
  const fields = { S: 'FATAL', V: 'FATAL', C: state, M: 'secret of the server' };
  const body = Object.entries(fields).map(([field, value]) => `${field}${value}\0`);
  return message('E', Buffer.from(`${body.join('')}\0`));
}
