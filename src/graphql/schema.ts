import 'reflect-metadata';
import { GraphQLSchema } from 'graphql';
import { buildSchemaSync } from 'type-graphql';
import { ERROR_CODES_DESCRIPTION } from '../errors.js';
import type { InstallationReader } from '../installations/installation.reader.js';
import { InstallationResolver } from '../installations/installation.resolver.js';
import { findUserBy } from '../installations/selected-installations.js';
import type { UserReader } from '../users/user.reader.js';
import { UserResolver } from '../users/user.resolver.js';

const DESCRIPTION = `Which GitHub App installations does the signed-in user have?

A field that fails is null, and its error has one of these \`extensions.code\`:

${ERROR_CODES_DESCRIPTION}`;

export interface Readers {
  users: UserReader;
  installations: InstallationReader;
}

/** The schema of all resolvers, each handed the readers it translates for. */
export function createSchema({ users, installations }: Readers): GraphQLSchema {
  const resolvers = [
    new UserResolver(users, findUserBy(installations, users)),
    new InstallationResolver(installations),
  ];
  const instances = new Map<unknown, unknown>(
    resolvers.map((resolver) => [resolver.constructor, resolver]),
  );
  const schema = buildSchemaSync({
    resolvers: [UserResolver, InstallationResolver],
    container: { get: (resolver) => instances.get(resolver) },
    validate: false,
  });
  return new GraphQLSchema({ ...schema.toConfig(), description: DESCRIPTION });
}
