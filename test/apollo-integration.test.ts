import { createRequire } from 'node:module';
import type { ApolloServer as Apollo } from '@apollo/server';
import {
  type CreateServerForIntegrationTestsOptions,
  defineIntegrationTestSuite,
} from '@apollo/server-integration-testsuite';
import fastify from 'fastify';
import { graphqlRoutes } from '../src/graphql.routes.js';

// The suite asks for an instance of the class that it loads itself, which is the CommonJS one.
const { ApolloServer } = createRequire(import.meta.url)('@apollo/server') as {
  ApolloServer: typeof Apollo<any>;
};

/** Apollo's own tests of a binding, on ours: with their server and their context. */
defineIntegrationTestSuite(async (config, options?: CreateServerForIntegrationTestsOptions) => {
  const app = fastify({ routerOptions: { ignoreTrailingSlash: true } });
  const apollo = new ApolloServer(config as any);
  await apollo.start();
  app.decorateRequest('context', { getter: () => (options?.context?.() ?? {}) as any });
  graphqlRoutes(app, apollo);
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return { server: apollo as any, url: `${url}/graphql`, extraCleanup: () => app.close() };
});
