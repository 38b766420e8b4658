import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Ctx, FieldResolver, ID, Info, Int, Resolver, Root } from 'type-graphql';
import type { Page } from '../database/page-plan.js';
import { memberOf } from '../enums.js';
import { CodedError } from '../errors.js';
import { GithubAppInstallation } from '../installations/github-app-installation.type.js';
import type { InstallationRow } from '../installations/installation.reader.js';
import { isKnown } from '../installations/known.js';
import { LARGEST_PAGE } from '../query-size.js';
import { perOperation } from '../selection.js';
import type { Context } from '../session/context.js';
import { cursorOf, type Position, positionAt, positionOf } from './cursor.js';
import { GithubRepository, GithubRepositoryVisibility } from './github-repository.type.js';
import type { RepositoryReader, RepositoryRow } from './repository.reader.js';
import { GithubRepositoryConnection } from './repository-connection.type.js';

const PAGE = 30;

const isCounted = perOperation((selection) =>
  selection('GithubRepositoryConnection').has('totalCount'),
);

export function repositoryResolvers(repositories: RepositoryReader): object[] {
  return [new InstallationRepositoriesResolver(repositories), new RepositoryResolver()];
}

@Resolver(() => GithubAppInstallation)
class InstallationRepositoriesResolver {
  readonly #repositories: RepositoryReader;

  constructor(repositories: RepositoryReader) {
    this.#repositories = repositories;
  }

  @FieldResolver(() => GithubRepositoryConnection, {
    nullable: true,
    description:
      'The repositories that it reaches and this user may see, ordered by name in lower case; of a suspended one, the ' +
      'last known. Private ones are those that GitHub has listed to the user. ' +
      'Null where they are unknown.',
  })
  async repositories(
    @Root() row: InstallationRow,
    @Ctx() context: Context,
    @Info() info: GraphQLResolveInfo,
    @Arg('first', () => Int, {
      nullable: true,
      defaultValue: PAGE,
      description: `How many, from 0 to ${LARGEST_PAGE}.`,
    })
    first: number | null,
    @Arg('after', () => String, {
      nullable: true,
      description:
        'A cursor: only those that follow it, whether what it stood for is still there or not.',
    })
    after?: string | null,
  ): Promise<Connection | null> {
    const size = sizeOf(first);
    const position = positionOrNull(after);
    if (!isKnown(row.facts)) return null;
    const page = { limit: size + 1, after: position, counted: isCounted(info) };
    const read = await this.#repositories.read(row, page, context);
    return read && new Connection(read, size, position !== null);
  }
}

function sizeOf(first: number | null): number {
  const size = first ?? PAGE;
  if (size >= 0 && size <= LARGEST_PAGE) return size;
  throw new CodedError('BAD_USER_INPUT', {
    message: `\`first\` must be from 0 to ${LARGEST_PAGE}`,
  });
}

function positionOrNull(after: string | null | undefined): Position | null {
  if (after === null || after === undefined) return null;
  const position = positionAt(after);
  if (position) return position;
  throw new CodedError('BAD_USER_INPUT', {
    message: '`after` must be a cursor that this server has given',
  });
}

class Connection {
  readonly nodes: readonly RepositoryRow[];
  readonly totalCount: number | null;
  readonly #hasNextPage: boolean;
  readonly #hasPreviousPage: boolean;

  constructor({ rows, total }: Page<RepositoryRow>, size: number, hasPreviousPage: boolean) {
    this.nodes = rows.slice(0, size);
    this.totalCount = total;
    this.#hasNextPage = rows.length > size;
    this.#hasPreviousPage = hasPreviousPage;
  }

  get edges() {
    return this.nodes.map((node) => ({ cursor: cursorOf(positionOf(node)), node }));
  }

  get pageInfo() {
    const cursorAt = (at: number) => {
      const node = this.nodes.at(at);
      return node ? cursorOf(positionOf(node)) : null;
    };
    return {
      hasNextPage: this.#hasNextPage,
      hasPreviousPage: this.#hasPreviousPage,
      startCursor: cursorAt(0),
      endCursor: cursorAt(-1),
    };
  }
}

@Resolver(() => GithubRepository)
class RepositoryResolver {
  @FieldResolver(() => ID, { description: 'GitHub’s own id of the repository.' })
  githubRepositoryId(@Root() { id }: RepositoryRow): string {
    return id;
  }

  @FieldResolver(() => String, { description: 'The owner, a slash, and the name.' })
  nameWithOwner(@Root() { owner, name }: RepositoryRow): string {
    return `${owner}/${name}`;
  }

  @FieldResolver(() => GithubRepositoryVisibility, {
    nullable: true,
    description: 'Who may see it at GitHub.',
  })
  visibility(@Root() row: RepositoryRow): GithubRepositoryVisibility | null {
    return memberOf(GithubRepositoryVisibility, row.visibility);
  }

  @FieldResolver(() => String, { nullable: true, description: 'Its page at GitHub.' })
  url(@Root() { htmlUrl }: RepositoryRow): string | null {
    return htmlUrl;
  }
}
