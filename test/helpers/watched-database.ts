import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createDatabase, type TestDatabase } from './databases.js';

/** A PostgreSQL database behind a proxy that counts bytes. */
export interface WatchedDatabase extends TestDatabase {
  /** Bytes sent to the database so far, without Terminate messages. */
  sent(): number;
}

/** Sent by the pool when it closes an idle connection. */
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4]);

export async function createWatchedDatabase(): Promise<WatchedDatabase> {
  const database = await createDatabase('PostgreSQL');
  const url = new URL(database.env.DATABASE_URL ?? '');
  const port = Number(url.port);
  const host = url.hostname;
  const sockets = new Set<Socket>();
  let bytes = 0;
  const proxy = createServer((client) => {
    const server = connect({ port, host });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    client.on('data', (chunk) => {
      if (!chunk.equals(TERMINATE)) bytes += chunk.length;
    });
    client.pipe(server).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  url.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return {
    env: { ...database.env, DATABASE_URL: url.href },
    sent: () => bytes,
    async remove() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await database.remove();
    },
  };
}
