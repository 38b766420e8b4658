import { Field, ObjectType } from 'type-graphql';
import { GithubPermission } from '../installations/github-app-installation.type.js';

@ObjectType({ simpleResolvers: true, description: 'The GitHub App of this server.' })
export class GithubApp {
  @Field(() => String, { description: 'Its name in GitHub’s URLs.' })
  slug!: string;

  @Field(() => String, { description: 'Its name.' })
  name!: string;

  @Field(() => String, { description: 'Its public page.' })
  url!: string;

  @Field(() => String, { description: 'GitHub’s page on which it is installed.' })
  installUrl!: string;

  @Field(() => String, {
    nullable: true,
    description:
      'Where a signed-in user connects, to see what GitHub lists to them; in development without the host. Null: ' +
      'this server offers it not.',
  })
  connectUrl!: string | null;
}

@ObjectType({
  simpleResolvers: true,
  description: 'What the App asks for by now, and the owner has not accepted yet.',
})
export class PendingPermissions {
  @Field(() => [GithubPermission], { description: 'Ordered by name, each with the new level.' })
  permissions!: readonly GithubPermission[];

  @Field(() => String, {
    nullable: true,
    description: 'GitHub’s page on which an owner accepts them; null where it is unknown.',
  })
  url!: string | null;
}
