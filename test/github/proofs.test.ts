import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { Installation } from '../../src/explore/demo-github/model.js';
import { installationFactsOf, repositoryFactsOf } from '../../src/github/from-github.js';
import {
  OtherAccountError,
  OutdatedProofError,
  type Proof,
  Proofs,
} from '../../src/github/proofs.js';
import { describeOnEachDatabase } from '../helpers/databases.js';
import { useGithubAndServer } from '../helpers/github.js';
import { GRANTS } from '../helpers/grants.js';

describeOnEachDatabase('An own proof', (kind) => {
  const scene = useGithubAndServer(kind);
  const sql = (text: string, values?: unknown[]) => scene().server.sql<any>(text, values);
  const proofs = () =>
    new Proofs({
      dataSource: () => scene().server.database.dataSource,
      grants: GRANTS,
      isAsked: false,
      wake: () => {},
    });

  /** A user, an account at GitHub, and an installation of an organization with a public and a private repository. */
  async function begin() {
    const { world, actions, app } = scene().github;
    const userId = randomUUID();
    await sql('INSERT INTO neptun_user (id) VALUES ($1)', [userId]);
    const person = world.addAccount(`person-${userId}`, 'User');
    const account = world.addAccount(`org-${userId}`);
    const repositories = (['public', 'private'] as const).map((visibility) =>
      actions.createRepository(account, { name: visibility, visibility }),
    );
    const installation = actions.install(app, account);
    await world.deliveries.settled();
    return { userId, person, installation, repositories };
  }
  type Begun = Awaited<ReturnType<typeof begin>>;

  const proofOf = (
    { userId, person, repositories }: Begun,
    installations: Installation[],
    more: Partial<Proof> = {},
  ): Proof => ({
    userId,
    github: { id: String(person.id), login: person.login },
    complete: true,
    startedAt: Date.now(),
    wanted: null,
    installations: installations.map(({ id, app, account, createdAt, updatedAt }) => ({
      facts: installationFactsOf({
        id,
        app_id: app.id,
        account: { id: account.id, login: account.login, type: account.type },
        created_at: createdAt.toISOString(),
        updated_at: updatedAt.toISOString(),
      }) as Proof['installations'][number]['facts'],
      repositories: repositories
        .map(({ id, name, visibility }) =>
          repositoryFactsOf({
            id,
            full_name: `${account.login}/${name}`,
            private: visibility === 'private',
          }),
        )
        .filter((facts) => facts !== null),
    })),
    ...more,
  });
  const seenBy = async ({ userId }: Begun) =>
    (
      await sql(
        'SELECT github_installation_id::text AS id FROM github_app_installation WHERE neptun_user_id = $1',
        [userId],
      )
    ).map(({ id }) => id);
  const idOf = ({ installation }: Begun) => String(installation.id);

  test('shows an installation to a colleague, keeps which private repositories were listed, and binds the account', async () => {
    const begun = await begin();
    expect(await proofs().boundTo(begun.userId)).toBeNull();
    expect(await proofs().write(proofOf(begun, [begun.installation]))).toEqual([
      { id: idOf(begun), login: begun.installation.account.login, state: 'linked' },
    ]);
    expect(await seenBy(begun)).toEqual([idOf(begun)]);
    expect(await proofs().boundTo(begun.userId)).toEqual({
      id: String(begun.person.id),
      login: begun.person.login,
    });
    const privateId = String(begun.repositories[1]?.id);
    expect(
      await sql(
        `SELECT kind, repository_ids::text AS ids, expires_at - proved_at = interval '7 days' AS lasts
        FROM github_grant WHERE user_id = $1`,
        [begun.userId],
      ),
    ).toEqual([{ kind: 'own_proof', ids: `{${privateId}}`, lasts: true }]);
  });

  test('that does not list an installation any more ends the one before', async () => {
    const begun = await begin();
    await proofs().write(proofOf(begun, [begun.installation]));
    await proofs().write(proofOf(begun, [], { complete: false }));
    expect(await seenBy(begun)).toEqual([idOf(begun)]);
    await proofs().write(proofOf(begun, []));
    expect(await seenBy(begun)).toEqual([]);
  });

  test('that was begun before a newer one changes nothing', async () => {
    const begun = await begin();
    const older = proofOf(begun, [], { startedAt: Date.now() - 5_000 });
    await proofs().write(proofOf(begun, [begun.installation]));
    await proofs().write(older);
    expect(await seenBy(begun)).toEqual([idOf(begun)]);
  });

  test('of another GitHub account than the bound one is refused, and nothing is written', async () => {
    const begun = await begin();
    await proofs().write(proofOf(begun, []));
    const stranger = { ...begun, person: scene().github.world.addAccount(randomUUID(), 'User') };
    await expect(proofs().write(proofOf(stranger, [begun.installation]))).rejects.toThrow(
      OtherAccountError,
    );
    expect(await seenBy(begun)).toEqual([]);
  });

  test('that was begun before the authorization was withdrawn is refused, and those before have ended', async () => {
    const begun = await begin();
    const late = proofOf(begun, [begun.installation]);
    await proofs().write(late);
    const { actions, app, world } = scene().github;
    actions.revokeAuthorization(app, begun.person);
    await world.deliveries.settled();
    expect(await seenBy(begun)).toEqual([]);
    await expect(proofs().write(late)).rejects.toThrow(OutdatedProofError);
    expect(await seenBy(begun)).toEqual([]);
  });

  test('of an uninstalled installation shows nothing', async () => {
    const begun = await begin();
    const { actions, world } = scene().github;
    actions.uninstall(begun.installation);
    await world.deliveries.settled();
    const [state] = await proofs().write(proofOf(begun, [begun.installation]));
    expect(state?.state).toBe('gone');
    expect(await seenBy(begun)).toEqual([]);
  });
});
