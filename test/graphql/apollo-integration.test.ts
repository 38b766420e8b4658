import { ApolloServer } from '@apollo/server';
import {
  type CreateServerForIntegrationTestsOptions,
  defineIntegrationTestSuite,
} from '@apollo/server-integration-testsuite';
import fastify from 'fastify';
import { buildSchema } from 'graphql';
import { CompiledOperations } from '../../src/graphql/compiled-operations.js';
import { graphqlRoutes } from '../../src/graphql/graphql.routes.js';
import { handleErrors } from '../../src/http/errors.js';

/** No operation compiles against this schema: all fall back to Apollo's execution. */
const NO_SCHEMA = buildSchema('type Query { none: Int }');

/** Apollo's test suite for integrations, with its own server and context. */
defineIntegrationTestSuite(async (config, options?: CreateServerForIntegrationTestsOptions) => {
  const app = fastify({ routerOptions: { ignoreTrailingSlash: true } });
  const apollo = new ApolloServer(config as any);
  await apollo.start();
  app.decorateRequest('context', { getter: () => (options?.context?.() ?? {}) as any });
  handleErrors(app);
  const compiled = new CompiledOperations(NO_SCHEMA, app.log);
  graphqlRoutes(app, { apollo: apollo as any, compiled, manifest: null, origins: [] });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return { server: apollo as any, url: `${url}/graphql`, extraCleanup: () => app.close() };
});
