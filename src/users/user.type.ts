import { Extensions, Field, ID, ObjectType } from 'type-graphql';
import { DateTime } from '../date-time.js';
import { GithubAppInstallation } from '../installations/github-app-installation.type.js';
import { compileInstallations } from '../installations/installations-json.js';

/** The GraphQL view of a user. */
@ObjectType({ description: 'A user of the web application.' })
export class User {
  @Field(() => ID, { description: 'The id in the session, and in the path of the REST route.' })
  id!: string;

  @Field(() => DateTime, { description: 'When the user was created.' })
  createdAt!: string;

  @Field(() => DateTime, { description: 'When the user was last changed.' })
  updatedAt!: string;

  @Extensions({ compile: compileInstallations })
  @Field(() => [GithubAppInstallation], {
    description: 'The user’s GitHub App installations, ordered by `id`; empty when there are none.',
  })
  installations!: GithubAppInstallation[];
}
