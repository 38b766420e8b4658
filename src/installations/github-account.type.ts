import { Field, ID, ObjectType, registerEnumType } from 'type-graphql';

export enum GithubAccountType {
  USER = 'USER',
  ORGANIZATION = 'ORGANIZATION',
  ENTERPRISE = 'ENTERPRISE',
}

registerEnumType(GithubAccountType, {
  name: 'GithubAccountType',
  description: 'What kind of account it is.',
});

@ObjectType({
  simpleResolvers: true,
  description: 'A GitHub account that has installed the App. What is unknown is null.',
})
export class GithubAccount {
  @Field(() => ID, { nullable: true, description: 'GitHub’s own id of the account.' })
  githubAccountId!: string | null;

  @Field(() => String, { nullable: true, description: 'The name in GitHub’s URLs.' })
  login!: string | null;

  @Field(() => GithubAccountType, {
    nullable: true,
    description: 'Null as well where it is none of these.',
  })
  type!: GithubAccountType | null;

  @Field(() => String, { nullable: true, description: 'Where its picture is.' })
  avatarUrl!: string | null;

  @Field(() => String, { nullable: true, description: 'Its page.' })
  url!: string | null;
}
