// Mercurius on Fastify with its just-in-time compiler; pg, one query, sessions remembered.
import Fastify from 'fastify';
import { DateTimeResolver } from 'graphql-scalars';
import mercurius from 'mercurius';
import { findInstallations, findTimes } from './shared/find-installations.js';
import {
  accountFields,
  authorize,
  installationFields,
  notFound,
  ofAccount,
  typeDefs,
} from './shared/graphql.js';
import { recallSession } from './shared/session.js';

const resolvers = {
  DateTime: DateTimeResolver,
  Query: {
    async user(_, { id }, { viewerId }) {
      authorize(viewerId, id);
      const installations = await findInstallations(id);
      if (!installations) throw notFound();
      return { id, installations };
    },
  },
  User: {
    createdAt: async ({ id }) => (await findTimes(id)).created_at,
    updatedAt: async ({ id }) => (await findTimes(id)).updated_at,
  },
  GithubAppInstallation: installationFields,
};

if (process.env.ACCOUNTS) {
  Object.assign(resolvers.GithubAppInstallation, accountFields);
  resolvers.User.installations = ({ installations }, filter) => ofAccount(installations, filter);
}

const app = Fastify();
app.register(mercurius, {
  schema: typeDefs,
  resolvers,
  jit: 1,
  context: async (request) => ({ viewerId: await recallSession(request.headers.cookie) }),
});
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
