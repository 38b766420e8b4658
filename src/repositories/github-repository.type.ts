import { Field, ObjectType, registerEnumType } from 'type-graphql';
import { DateTime } from '../date-time.js';

export enum GithubRepositoryVisibility {
  PUBLIC = 'PUBLIC',
  PRIVATE = 'PRIVATE',
  INTERNAL = 'INTERNAL',
}

registerEnumType(GithubRepositoryVisibility, {
  name: 'GithubRepositoryVisibility',
  description: 'Who may see a repository at GitHub.',
  valuesConfig: {
    PUBLIC: { description: 'Everybody.' },
    PRIVATE: { description: 'Those who were given access.' },
    INTERNAL: { description: 'The members of its enterprise.' },
  },
});

@ObjectType({
  simpleResolvers: true,
  description: 'A repository that an installation reaches. What is unknown is null.',
})
export class GithubRepository {
  @Field(() => String, { description: 'Its name, without the owner.' })
  name!: string;

  @Field(() => String, { description: 'The login of its account.' })
  owner!: string;

  @Field(() => String, { nullable: true, description: 'What its owner says of it.' })
  description!: string | null;

  @Field(() => Boolean, { description: 'Whether it is not public.' })
  isPrivate!: boolean;

  @Field(() => Boolean, { nullable: true, description: 'Whether it was forked from another one.' })
  isFork!: boolean | null;

  @Field(() => Boolean, { nullable: true, description: 'Whether others may be made of it.' })
  isTemplate!: boolean | null;

  @Field(() => Boolean, { nullable: true, description: 'Whether nothing in it may be changed.' })
  isArchived!: boolean | null;

  @Field(() => String, { nullable: true, description: 'The name of its default branch.' })
  defaultBranch!: string | null;

  @Field(() => String, { nullable: true, description: 'The main programming language.' })
  language!: string | null;

  @Field(() => String, { nullable: true, description: 'The SPDX identifier of its license.' })
  license!: string | null;

  @Field(() => String, { nullable: true, description: 'The page that its owner names.' })
  homepageUrl!: string | null;

  @Field(() => DateTime, { nullable: true, description: 'When commits were last pushed to it.' })
  pushedAt!: string | null;
}
