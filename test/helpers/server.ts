import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from '@jest/globals';
import type { FastifyBaseLogger } from 'fastify';
import { defaults, seal } from 'iron-webcrypto';
import { loadConfig } from '../../src/config.js';
import { type RunningServer, startServer } from '../../src/server.js';
import { sealSession } from '../../src/session/seal-session.js';
import { SESSION_COOKIE } from '../../src/session/session-cookie.js';
import { createDatabase, type DatabaseKind, type TestDatabase } from './databases.js';

export const PASSWORD = 'a password for tests, 32 characters or more';

/** Environment of a server without rate limits and log. */
export const UNLIMITED = {
  SESSION_PASSWORD: PASSWORD,
  RATE_LIMIT: '0',
  RATE_LIMIT_ANONYMOUS: '0',
  LOG_LEVEL: 'silent',
};

/** A complete server, with HTTP and its own database. */
export interface TestServer extends RunningServer {
  /** Runs SQL for a test, for as long as it takes. */
  sql<Row>(text: string, values?: unknown[]): Promise<Row[]>;
  /** @returns the user id */
  addUser(githubInstallationIds?: string[], id?: string): Promise<string>;
  /** Adds installations with the GitHub ids from 1 to `count`. */
  addInstallations(userId: string, count: number): Promise<void>;
  rest(userId: string, init?: RequestInit & { as?: string | null }): Promise<Response>;
  graphql(body: object, init?: RequestInit & { as?: string | null }): Promise<Response>;
}

/** The `Cookie` header of a signed-in user. */
export async function cookieOf(userId: string, password = PASSWORD): Promise<string> {
  return `${SESSION_COOKIE}=${await sealSession(userId, password, 0)}`;
}

/** Of a session that names the user's account at GitHub, as the web application seals it. */
export async function cookieOfGithubUser(userId: string, githubId: number): Promise<string> {
  const user = { id: userId, oauth: { github: { github_id: githubId } } };
  const session = { id: randomUUID(), createdAt: Date.now(), data: { user } };
  return `${SESSION_COOKIE}=${await seal(session, PASSWORD, defaults)}`;
}

export const json = (response: Response): Promise<any> => response.json();

export async function startTestServer(
  database: TestDatabase,
  env = {},
  log?: FastifyBaseLogger,
): Promise<TestServer> {
  const server = await startServer(
    loadConfig({
      NODE_ENV: 'test',
      PORT: '0',
      ...UNLIMITED,
      ...database.env,
      ...env,
    }),
    log,
  );
  const send = async (path: string, { as, ...init }: RequestInit & { as?: string | null }) => {
    const headers = new Headers(init.headers);
    if (as) headers.set('cookie', await cookieOf(as));
    return fetch(`${server.url}${path}`, { ...init, headers });
  };
  const sql = <Row>(text: string, values?: unknown[]): Promise<Row[]> =>
    server.database.dataSource.query(text, values);
  return {
    ...server,
    sql,
    async addUser(githubInstallationIds = [], id = `user-${randomUUID()}`) {
      await sql('INSERT INTO neptun_user (id) VALUES ($1)', [id]);
      for (const githubId of githubInstallationIds) {
        await sql(
          'INSERT INTO github_app_installation (neptun_user_id, github_installation_id) VALUES ($1, $2)',
          [id, githubId],
        );
      }
      return id;
    },
    async addInstallations(userId, count) {
      await sql(
        `INSERT INTO github_app_installation (neptun_user_id, github_installation_id)
         SELECT $1, n FROM generate_series(1, $2::int) n`,
        [userId, count],
      );
    },
    rest: (userId, init = {}) =>
      send(`/api/users/${encodeURIComponent(userId)}/installations`, { as: userId, ...init }),
    graphql: (body, init = {}) =>
      send('/graphql', {
        method: 'POST',
        body: JSON.stringify(body),
        ...init,
        headers: { 'content-type': 'application/json', ...(init.headers as object) },
      }),
  };
}

/** One server for all tests of a block; each test adds its own users. */
export function useServer(kind: DatabaseKind, env = {}): () => TestServer {
  let database: TestDatabase;
  let server: TestServer;
  beforeAll(async () => {
    database = await createDatabase(kind);
    server = await startTestServer(database, env);
    await server.ready;
  });
  afterAll(async () => {
    await server?.close();
    await database?.remove();
  });
  return () => server;
}
