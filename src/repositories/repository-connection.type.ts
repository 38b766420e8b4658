import { Field, Int, ObjectType } from 'type-graphql';
import { GithubRepository } from './github-repository.type.js';

@ObjectType({ simpleResolvers: true, description: 'Where a page is in its list.' })
export class PageInfo {
  @Field(() => Boolean, { description: 'Whether there are more after it: ask with `endCursor`.' })
  hasNextPage!: boolean;

  @Field(() => Boolean, { description: 'Whether it is not the first.' })
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: 'Null where the page is empty.' })
  startCursor!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'What `after` must be for the next page; null where the page is empty.',
  })
  endCursor!: string | null;
}

@ObjectType({ simpleResolvers: true, description: 'A repository at its place in a list.' })
export class GithubRepositoryEdge {
  @Field(() => String, { description: 'What `after` must be for those that follow it.' })
  cursor!: string;

  @Field(() => GithubRepository, { description: 'The repository.' })
  node!: GithubRepository;
}

@ObjectType({
  simpleResolvers: true,
  description: 'A page of a list of repositories (the Relay Cursor Connections Specification).',
})
export class GithubRepositoryConnection {
  @Field(() => [GithubRepositoryEdge], { description: 'Each with its cursor.' })
  edges!: readonly GithubRepositoryEdge[];

  @Field(() => [GithubRepository], { description: 'The same without cursors.' })
  nodes!: readonly GithubRepository[];

  @Field(() => PageInfo, { description: 'Where the page is in the list.' })
  pageInfo!: PageInfo;

  @Field(() => Int, { description: 'Those of all pages that the user may see.' })
  totalCount!: number;
}
