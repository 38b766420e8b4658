import 'reflect-metadata';
import { GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { buildSchemaSync, type NonEmptyArray } from 'type-graphql';
import { type AppNow, appResolvers } from '../apps/github-app.resolver.js';
import { ERROR_CODES_DESCRIPTION } from '../errors.js';
import type { EvidenceReader } from '../evidence/evidence.reader.js';
import { evidenceResolvers } from '../evidence/evidence.resolver.js';
import type { InstallationReader } from '../installations/installation.reader.js';
import { installationResolvers } from '../installations/installation.resolver.js';
import { findUserBy } from '../installations/selected-installations.js';
import { UnlinkResolver } from '../installations/unlink.resolver.js';
import type { Unlinking } from '../installations/unlinking.js';
import type { RepositoryReader } from '../repositories/repository.reader.js';
import { repositoryResolvers } from '../repositories/repository.resolver.js';
import type { UserReader } from '../users/user.reader.js';
import { UserResolver } from '../users/user.resolver.js';

const DESCRIPTION = `Which GitHub App installations does the signed-in user have?

A field that fails is null, and its error has one of these \`extensions.code\`:

${ERROR_CODES_DESCRIPTION}`;

export interface SchemaDependencies {
  users: UserReader;
  installations: InstallationReader;
  repositories: RepositoryReader;
  unlinking: Unlinking;
  evidence: EvidenceReader;
  appNow: AppNow;
}

/** The schema of all resolvers, each handed what it translates for. */
export function createSchema({
  users,
  installations,
  repositories,
  unlinking,
  evidence,
  appNow,
}: SchemaDependencies): GraphQLSchema {
  const resolvers: object[] = [
    new UserResolver(users, findUserBy(installations, users)),
    ...installationResolvers(installations),
    ...repositoryResolvers(repositories),
    new UnlinkResolver(unlinking),
    ...evidenceResolvers(evidence),
    ...appResolvers(appNow),
  ];
  const classes = resolvers.map((resolver) => resolver.constructor);
  const schema = buildSchemaSync({
    resolvers: classes as NonEmptyArray<(typeof classes)[number]>,
    container: { get: (type) => resolvers.find((resolver) => resolver.constructor === type) },
    validate: false,
  });
  return new GraphQLSchema({ ...schema.toConfig(), description: DESCRIPTION });
}

/** As in the file `schema.graphql`. */
export function textOf(schema: GraphQLSchema): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`;
}
