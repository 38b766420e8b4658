import { Field, ID, ObjectType } from 'type-graphql';

@ObjectType({ simpleResolvers: true, description: 'What was unlinked.' })
export class UnlinkInstallationPayload {
  @Field(() => ID, { description: 'The id of the link, which is not there any more.' })
  installationId!: string;

  @Field(() => ID, {
    description: 'GitHub’s own id of the installation, which stays installed there.',
  })
  githubInstallationId!: string;
}
