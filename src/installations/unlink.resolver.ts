import { Arg, Ctx, ID, Mutation, Resolver } from 'type-graphql';
import type { Context } from '../session/context.js';
import { permit } from '../users/access.js';
import { UnlinkInstallationPayload } from './unlink.type.js';
import { foundInstallation, type Unlinking } from './unlinking.js';

@Resolver()
export class UnlinkResolver {
  readonly #unlinking: Unlinking;

  constructor(unlinking: Unlinking) {
    this.#unlinking = unlinking;
  }

  @Mutation(() => UnlinkInstallationPayload, {
    nullable: true,
    description:
      'Removes an installation from the list of the signed-in user, for as long as the user does not connect it again. ' +
      'It stays installed at GitHub, and in the lists of others. `NOT_FOUND` for any that is not in the list.',
  })
  async unlinkInstallation(
    @Arg('id', () => ID, { description: 'The `id` of the link, as the list has it.' }) id: string,
    @Ctx() context: Context,
  ): Promise<UnlinkInstallationPayload> {
    const user = permit(context, context.viewer?.id ?? '');
    const githubInstallationId = foundInstallation(await this.#unlinking.unlink(user, id));
    return { installationId: id, githubInstallationId };
  }
}
