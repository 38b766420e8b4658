import dns from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { promisify } from 'node:util';

export interface Endpoint {
  host: string;
  port: number;
}

/**
 * Listens on each address of the host, as on 127.0.0.1 and ::1 for `localhost`. There is one HTTP server, which gets
 * the connections of all listeners: Fastify would make another one, without timeouts, drain and error answers.
 *
 * @param listenFirst lets the HTTP server listen on the first address
 * @returns all listeners, the HTTP server first; its end closes the others
 */
export async function listenOnAll(
  server: Server,
  { host, port }: Endpoint,
  listenFirst = (first: Endpoint): Promise<unknown> => listen(server, first),
): Promise<Server[]> {
  const found = await promisify(dns.lookup)(host, { all: true });
  const listeners: Server[] = [];
  let unavailable: unknown;
  for (const address of new Set(found.map(({ address }) => address))) {
    try {
      if (listeners.length === 0) {
        await listenFirst({ host: address, port });
        listeners.push(server);
      } else listeners.push(await listenAlso(server, address));
    } catch (error) {
      // As where the hosts file names ::1, and the system has no IPv6.
      if (!isUnavailable(error)) throw error;
      unavailable = error;
    }
  }
  if (listeners.length === 0) throw unavailable;
  return listeners;
}

async function listenAlso(server: Server, host: string): Promise<Server> {
  // The options of `http.Server`.
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    server.emit('connection', socket),
  );
  await listen(listener, { host, port: portOf(server) });
  server.once('close', () => listener.close());
  return listener;
}

async function listen(server: Server, { host, port }: Endpoint): Promise<void> {
  await once(server.listen(port, host), 'listening');
}

/** An error of `listen`, with what to do. */
export function explain(
  { code, message }: NodeJS.ErrnoException,
  { host, port }: Endpoint,
  variable: string,
): Error {
  return new Error(
    code === 'EADDRINUSE'
      ? `${host}:${port} is taken: stop what listens there, or set ${variable} to another`
      : `cannot listen on HOST ${host}, ${variable} ${port}: ${message}`,
  );
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function isUnavailable(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
}
