import type { AddressInfo, Server } from 'node:net';
import type { FastifyRequest } from 'fastify';

/** Needs no resolver, unlike `localhost`: see docs/decisions/0004-explorers.md. */
const LOOPBACK = '127.0.0.1';

/** Whether a name or an address, in brackets or not, is this machine's own to every resolver. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
}

/** The one URL of a server that listens on `host`, without a trailing slash. */
export function urlOf(server: Server, host: string): string {
  return `http://${nameOf(host)}:${(server.address() as AddressInfo).port}`;
}

/** As the operator names it. A wildcard is an address to listen on, not one to connect to. */
export function nameOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return LOOPBACK;
  return host.includes(':') ? `[${host}]` : host;
}

/** Not `X-Forwarded-Host`, which `trustProxy` mixes into Fastify's own properties. */
export function cameToLoopback({ headers: { host = '' } }: FastifyRequest): boolean {
  return isLoopback(host.replace(/:\d*$/, ''));
}
