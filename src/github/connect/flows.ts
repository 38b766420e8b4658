import { createHash, randomBytes } from 'node:crypto';
import { type DataSource, IsNull } from 'typeorm';
import { GithubFlow } from './flow.entity.js';
import type { Outcome } from './outcome.js';

/** Who may go on with a flow: the browser that has begun it, with a session of the same user. */
export interface Owner {
  userId: string;
  /** The secret of the browser's cookie. */
  browser: string;
}

interface Begin extends Owner {
  namedInstallationId: string | null;
  isWanted: boolean;
}

/** Of the secrets here: 256 bits, base64url. */
const SECRET = /^[\w-]{43}$/;
/** Minutes that a user has at GitHub. */
const LIFETIME = 10;
/** Minutes after which a flow is forgotten. */
const KEPT = 60;

const FORGET = `DELETE FROM github_flow WHERE begun_at < now() - interval '${KEPT} minutes'`;
const TAKE = `
  UPDATE github_flow SET taken_at = now(), seen_at = now()
  WHERE id = $1 AND browser = $2 AND user_id = $3 AND taken_at IS NULL
    AND begun_at > now() - interval '${LIFETIME} minutes'
  RETURNING named_installation_id::text AS "namedInstallationId", is_wanted AS "isWanted"`;

export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

export function isSecret(text: string | undefined): text is string {
  return text !== undefined && SECRET.test(text);
}

/** The id of the flow of a `state`. */
export const flowIdOf = (state: string) => hash('flow', state);

/** The code verifier of PKCE (RFC 7636): only the browser's cookie and `state` together make it. */
export const verifierOf = (browser: string, state: string) => hash('verifier', browser, state);

/** Attempts to connect, in the database, as any instance may be asked next. */
export class Flows {
  readonly #dataSource: DataSource;

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  async begin(state: string, { browser, ...flow }: Begin): Promise<void> {
    await this.#dataSource.query(FORGET);
    const row = { ...flow, id: flowIdOf(state), browser: hash('browser', browser) };
    await this.#dataSource.manager.insert(GithubFlow, row);
  }

  /** Once. @returns `null`: there is no such flow of this owner, it was taken before, or it is too late */
  async take(
    id: string,
    { userId, browser }: Owner,
  ): Promise<Pick<GithubFlow, 'namedInstallationId' | 'isWanted'> | null> {
    const values = [id, hash('browser', browser), userId];
    const [rows]: [Pick<GithubFlow, 'namedInstallationId' | 'isWanted'>[]] =
      await this.#dataSource.query(TAKE, values);
    return rows[0] ?? null;
  }

  /** @returns `null`: there is none that this owner has begun */
  find(id: string, { userId, browser }: Owner): Promise<GithubFlow | null> {
    const owner = { userId, browser: hash('browser', browser) };
    return this.#dataSource.manager.findOneBy(GithubFlow, { id, ...owner });
  }

  async progress(id: string, pages: number): Promise<void> {
    const changes = { pages, seenAt: new Date() };
    await this.#dataSource.manager.update(GithubFlow, { id, outcome: IsNull() }, changes);
  }

  async end(id: string, outcome: Outcome): Promise<void> {
    await this.#dataSource.manager.update(GithubFlow, { id }, { outcome });
  }
}

function hash(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
