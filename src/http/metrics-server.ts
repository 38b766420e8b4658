import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';
import { collectMetrics, type PoolCounts } from '../observability/metrics.js';
import { inTurn } from './pipelining.js';

/** As monitors write it: with parameters, a further slash, or in absolute-form (RFC 9112 §3.2.2). */
const TARGET = /^(?:https?:\/\/[^/?]*)?\/+metrics\/*(?:\?|$)/;

/**
 * Serves `/metrics` alone.
 *
 * @param measure adds what else is measured
 */
export function createMetricsServer(
  pool: PoolCounts,
  measure: (registry: Registry) => void,
): Server {
  const { registry, stop } = collectMetrics(pool, measure);
  const server = createServer((request, response) =>
    inTurn(response, () => {
      if (!TARGET.test(request.url ?? '')) return void response.writeHead(404).end();
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return void response.writeHead(405, { allow: 'GET, HEAD' }).end();
      registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
        (error) => response.destroy(error),
      );
    }),
  );
  // Without the answer of Node.js, which would be taken for that of a request before it.
  server.on('clientError', (_error, socket) => socket.destroy());
  return server.on('close', stop);
}
