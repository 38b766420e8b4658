// GraphQL Yoga on node:http, Drizzle on postgres.js.
import { createServer } from 'node:http';
import { eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import { DateTimeResolver } from 'graphql-scalars';
import { createSchema, createYoga } from 'graphql-yoga';
import postgres from 'postgres';
import * as tables from './shared/drizzle-schema.js';
import { authorize, installationFields, notFound, typeDefs } from './shared/graphql.js';
import { openSession } from './shared/session.js';

const db = drizzle(postgres(process.env.DATABASE_URL), { schema: tables });

const resolvers = {
  DateTime: DateTimeResolver,
  Query: {
    async user(_, { id }, { viewerId }) {
      authorize(viewerId, id);
      return (await db.query.users.findFirst({ where: eq(tables.users.id, id) })) ?? notFound();
    },
  },
  User: {
    createdAt: (user) => user.created_at,
    updatedAt: (user) => user.updated_at,
    installations: (user) =>
      db.query.installations.findMany({
        where: eq(tables.installations.neptun_user_id, user.id),
        orderBy: tables.installations.id,
      }),
  },
  GithubAppInstallation: installationFields,
};

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers }),
  context: async ({ request }) => ({ viewerId: await openSession(request.headers.get('cookie')) }),
});

createServer(yoga).listen(process.env.PORT, '127.0.0.1');
