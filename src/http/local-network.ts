import type { FastifyInstance } from 'fastify';

/**
 * Answers browsers that ask before a public page may call a server of the local network or of this machine
 * (https://wicg.github.io/private-network-access/): yes, where CORS has allowed the origin. Newer ones ask the user.
 */
export function allowLocalNetwork(app: FastifyInstance): void {
  app.addHook('onRequest', ({ headers }, reply, done) => {
    const asks = headers['access-control-request-private-network'] === 'true';
    if (asks && reply.hasHeader('access-control-allow-origin'))
      reply.header('access-control-allow-private-network', 'true');
    done();
  });
}
