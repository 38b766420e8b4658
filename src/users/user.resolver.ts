import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Ctx, FieldResolver, ID, Info, Query, Resolver, Root } from 'type-graphql';
import type { Context } from '../session/context.js';
import { found, type PermittedUser, permit } from './access.js';
import type { UserReader } from './user.reader.js';
import { User } from './user.type.js';

/** Reads what shows whether a user exists: whichever read the query needs anyway. `null`: there is no such user. */
export type FindUser = (
  user: PermittedUser,
  context: Context,
  info: GraphQLResolveInfo,
) => Promise<unknown>;

@Resolver(() => User)
export class UserResolver {
  readonly #rows: UserReader;
  readonly #find: FindUser;

  constructor(rows: UserReader, find: FindUser) {
    this.#rows = rows;
    this.#find = find;
  }

  @Query(() => User, {
    nullable: true,
    description: 'The signed-in user. `UNAUTHENTICATED` without a session.',
  })
  viewer(@Ctx() context: Context, @Info() info: GraphQLResolveInfo): Promise<PermittedUser> {
    return this.user(context.viewer?.id ?? '', context, info);
  }

  @Query(() => User, {
    nullable: true,
    description:
      'A user by id. Any id but the session’s own is `NOT_FOUND`, whether it exists or not.',
  })
  async user(
    @Arg('id', () => ID, { description: 'The user’s id, as the session has it.' }) id: string,
    @Ctx() context: Context,
    @Info() info: GraphQLResolveInfo,
  ): Promise<PermittedUser> {
    const user = permit(context, id);
    found(await this.#find(user, context, info));
    return user;
  }

  @FieldResolver()
  async createdAt(@Root() user: PermittedUser, @Ctx() context: Context): Promise<string> {
    return found(await this.#rows.read(user, context)).createdAt;
  }

  @FieldResolver()
  async updatedAt(@Root() user: PermittedUser, @Ctx() context: Context): Promise<string> {
    return found(await this.#rows.read(user, context)).updatedAt;
  }
}
