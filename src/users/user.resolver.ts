import { Arg, Ctx, ID, Query, Resolver } from 'type-graphql';
import type { Context } from '../context.js';
import { UserService } from './user.service.js';
import { User } from './user.type.js';

/** Translates between GraphQL and the user service, which decides. */
@Resolver(() => User)
export class UserResolver {
  readonly #users: UserService;

  constructor(users: UserService) {
    this.#users = users;
  }

  @Query(() => User, {
    nullable: true,
    description: 'The signed-in user. `UNAUTHENTICATED` without a session.',
  })
  viewer(@Ctx() context: Context): Promise<User> {
    return this.#users.findViewer(context);
  }

  @Query(() => User, {
    nullable: true,
    description:
      'A user by id. Any id but the session’s own is `NOT_FOUND`, whether it exists or not.',
  })
  user(
    @Arg('id', () => ID, { description: 'The user’s id, as the session has it.' }) id: string,
    @Ctx() context: Context,
  ): Promise<User> {
    return this.#users.find(context, id);
  }
}
