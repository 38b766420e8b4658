import { Arg, Ctx, FieldResolver, ID, Query, Resolver, Root } from 'type-graphql';
import type { UserInstallations } from '../installations/installation.reader.js';
import { parseInstallations } from '../installations/installations-json.js';
import type { Context } from '../session/context.js';
import { UserService } from './access.js';
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
  viewer(@Ctx() context: Context): Promise<UserInstallations> {
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
  ): Promise<UserInstallations> {
    return this.#users.find(context, id);
  }

  @FieldResolver()
  async createdAt(@Root() user: UserInstallations, @Ctx() context: Context): Promise<string> {
    return (await this.#users.findRow(context, user.id)).createdAt;
  }

  @FieldResolver()
  async updatedAt(@Root() user: UserInstallations, @Ctx() context: Context): Promise<string> {
    return (await this.#users.findRow(context, user.id)).updatedAt;
  }

  /** Not asked by compiled queries, which write them as `compileInstallations` says. */
  @FieldResolver()
  installations(
    @Root() user: UserInstallations,
    @Ctx() context: Context,
  ): ReturnType<typeof parseInstallations> {
    return parseInstallations(user, context);
  }
}
