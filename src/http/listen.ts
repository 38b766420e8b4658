import dns from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { promisify } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { urlOf } from './loopback.js';

export interface Endpoint {
  host: string;
  port: number;
}

/**
 * Listens on each address of the host, as on 127.0.0.1 and ::1 for `localhost`. There is one HTTP server, which gets
 * the connections of all listeners: Fastify would make another one, without timeouts, drain and error answers.
 *
 * @returns all listeners, the HTTP server first
 */
export async function listenOnAll(
  app: FastifyInstance,
  { host, port }: Endpoint,
  name: string,
): Promise<Server[]> {
  const found = await promisify(dns.lookup)(host, { all: true });
  const listeners: Server[] = [];
  let unavailable: unknown;
  for (const address of new Set(found.map(({ address }) => address))) {
    try {
      listeners.push(
        listeners[0]
          ? await listenAlso(app, { host: address, port: portOf(listeners[0]) }, name)
          : await listenFirst(app, { host: address, port }, name),
      );
    } catch (error) {
      // As where the hosts file names ::1, and the system has no IPv6.
      if (!isUnavailable(error)) throw error;
      unavailable = error;
    }
  }
  if (listeners.length === 0) throw unavailable;
  return listeners;
}

async function listenFirst(
  app: FastifyInstance,
  endpoint: Endpoint,
  name: string,
): Promise<Server> {
  await app.listen({ ...endpoint, listenTextResolver: (url) => textOf(name, url) });
  return app.server;
}

async function listenAlso(
  app: FastifyInstance,
  { host, port }: Endpoint,
  name: string,
): Promise<Server> {
  // The options of `http.Server`.
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    app.server.emit('connection', socket),
  );
  await once(listener.listen(port, host), 'listening');
  app.log.info(textOf(name, urlOf(listener, host)));
  return listener;
}

const textOf = (name: string, url: string) => `${name}: Server listening at ${url}`;

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
