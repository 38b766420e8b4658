import { randomUUID } from 'node:crypto';
import { beforeEach } from '@jest/globals';
import type { Account, Installation } from '../../src/explore/demo-github/model.js';
import { until } from '../cli/process.js';
import { Agent, type Visit } from './agent.js';
import type { DatabaseKind } from './databases.js';
import { type TestGithub, useGithubAndServer } from './github.js';
import { json, type TestServer } from './server.js';

/** A user with a browser, who is signed in here and at GitHub. */
export interface Person {
  userId: string;
  github: Account;
  agent: Agent;
}

export interface ConnectScene {
  github: TestGithub;
  server: TestServer;
  /** A user here, who may have an account at GitHub already. */
  person(account?: Account): Promise<Person>;
  /** An organization with a public and a private repository, which has installed the App, and these members. */
  organization(...members: Account[]): Promise<Installation>;
  /** From a page of ours to where the flow ends. */
  connect(person: Person, path?: string): Promise<Visit>;
  /** As far as GitHub's redirect to the callback, which is not followed. */
  authorize(person: Person, path?: string): Promise<URL>;
  /** GitHub's ids of installations in the list. */
  listOf(person: Person): Promise<string[]>;
  /** Ids of rows in the list, by GitHub's ids. */
  rowIdOf(person: Person, installation: Installation): Promise<string>;
  sql<Row>(text: string, values?: unknown[]): Promise<Row[]>;
}

/** An App that may not list members, so that nobody sees an installation without a proof of their own. */
const PERMISSIONS = { metadata: 'read' };

export function useConnectScene(
  kind: DatabaseKind,
  env: Parameters<typeof useGithubAndServer>[1] = {},
): () => ConnectScene {
  const scene = useGithubAndServer(kind, env);
  beforeEach(() => {
    scene().github.world.signedIn = null;
    scene().github.app.permissions = PERMISSIONS;
  });
  return () => {
    const { github, server } = scene();
    const { world, actions, app } = github;
    const open = (person: Person, path: string, stopAt?: string) => {
      world.signedIn = person.github;
      return person.agent.open(`${server.url}${path}`, stopAt ? { stopAt } : {});
    };
    return {
      github,
      server,
      async person(account = world.addAccount(`person-${randomUUID()}`, 'User')) {
        const userId = await server.addUser();
        return { userId, github: account, agent: await new Agent().signIn(server.url, userId) };
      },
      async organization(...members) {
        const account = world.addAccount(`org-${randomUUID()}`);
        for (const member of members) world.membersOf(account).add(member);
        for (const visibility of ['public', 'private'] as const)
          actions.createRepository(account, { name: visibility, visibility });
        const installation = actions.install(app, account);
        await world.deliveries.settled();
        await until(async () => {
          const dirty =
            'SELECT 1 FROM github_fact_installation WHERE dirty_since IS NOT NULL AND id = $1';
          return (await server.sql(dirty, [installation.id])).length === 0;
        });
        return installation;
      },
      connect: (person, path = '/github/connect') => open(person, path),
      async authorize(person, path = '/github/connect') {
        const { url } = await open(person, path, `${server.url}/github/callback`);
        return new URL(url);
      },
      async listOf({ userId }) {
        const rows = (await (await server.rest(userId)).json()) as {
          github_installation_id: string;
        }[];
        return rows.map((row) => row.github_installation_id);
      },
      async rowIdOf({ userId }, { id }) {
        const rows = (await (await server.rest(userId)).json()) as {
          id: number;
          github_installation_id: string;
        }[];
        return String(rows.find((row) => row.github_installation_id === String(id))?.id);
      },
      sql: (text, values) => server.sql(text, values),
    };
  };
}

/** What GraphQL says of a user. */
export async function viewerOf({ server }: ConnectScene, { userId }: Person, fields: string) {
  const query = `{ viewer { ${fields} } }`;
  const { data } = await json(await server.graphql({ query }, { as: userId }));
  return data.viewer;
}
