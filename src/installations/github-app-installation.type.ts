import { Field, ID, ObjectType } from 'type-graphql';
import { DateTime } from '../date-time.js';

@ObjectType({
  // Read from the object at once: TypeGraphQL's own resolvers cost more than the rest of a field.
  simpleResolvers: true,
  description: 'A GitHub App installed in an account or organization, as linked to one user.',
})
export class GithubAppInstallation {
  @Field(() => ID, {
    description: 'Our own number of this link between a user and an installation.',
  })
  id!: number;

  @Field(() => ID, { description: 'The id of the user it belongs to.' })
  neptunUserId!: string;

  @Field(() => ID, {
    description: 'GitHub’s own id of the installation: digits, possibly beyond 2^31, hence text.',
  })
  githubInstallationId!: string;

  @Field(() => DateTime, { description: 'When it was linked.' })
  createdAt!: string;

  @Field(() => DateTime, { description: 'When it was last changed.' })
  updatedAt!: string;
}
