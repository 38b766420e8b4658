import { isDatabaseUnavailable } from '../database/availability.js';
import type { Database } from '../database/database.js';
import { CodedError } from '../errors.js';

/** One installation, in the documented shape: these five keys, in this order. */
export interface InstallationItem {
  id: number;
  neptun_user_id: string;
  github_installation_id: string;
  /** ISO 8601, UTC, milliseconds. */
  created_at: string;
  updated_at: string;
}

/** `%s` is a column: its instant as ISO 8601 text in UTC, as JavaScript's `toISOString` writes it. */
const iso = (column: string) =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** PostgreSQL writes the answer's JSON: nothing is parsed and written again on its way to REST. */
const SELECT_USERS = `
  SELECT u.id, ${iso('u.created_at')} AS created_at, ${iso('u.updated_at')} AS updated_at,
    coalesce('[' || (
      SELECT string_agg(row_to_json(item)::text, ',' ORDER BY item.id)
      FROM (
        SELECT i.id, i.neptun_user_id, i.github_installation_id::text,
          ${iso('i.created_at')} AS created_at, ${iso('i.updated_at')} AS updated_at
        FROM github_app_installation i WHERE i.neptun_user_id = u.id
      ) item
    ) || ']', '[]') AS installations
  FROM neptun_user u WHERE u.id = ANY($1::text[])`;

interface UserRow {
  id: string;
  created_at: string;
  updated_at: string;
  installations: string;
}

/** A user as it was read, with the installations as JSON text and as objects. */
export class UserWithInstallations {
  readonly id: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** The documented REST answer: a JSON array of `InstallationItem`, ordered by id. */
  readonly installationsJson: string;

  constructor(row: UserRow) {
    this.id = row.id;
    this.createdAt = row.created_at;
    this.updatedAt = row.updated_at;
    this.installationsJson = row.installations;
  }

  get installations() {
    return (JSON.parse(this.installationsJson) as InstallationItem[]).map((item) => ({
      id: item.id,
      neptunUserId: item.neptun_user_id,
      githubInstallationId: item.github_installation_id,
      createdAt: item.created_at,
      updatedAt: item.updated_at,
    }));
  }
}

interface Batch {
  readonly ids: Set<string>;
  readonly users: Promise<Map<string, UserWithInstallations>>;
}

/**
 * Reads users with their installations. All that is asked for in one turn of the event loop, by
 * whichever requests, goes into one SQL statement. Nothing is kept: a row that is committed is
 * seen by the next read.
 */
export class InstallationReader {
  readonly #database: Pick<Database, 'query'>;
  #gathering: Batch | null = null;

  constructor(database: Pick<Database, 'query'>) {
    this.#database = database;
  }

  /**
   * @param userId a text that PostgreSQL can hold
   * @returns `null`: no such user
   * @throws {CodedError} `SERVICE_UNAVAILABLE`
   */
  async read(userId: string): Promise<UserWithInstallations | null> {
    this.#gathering ??= this.#gather();
    const batch = this.#gathering;
    batch.ids.add(userId);
    return (await batch.users).get(userId) ?? null;
  }

  #gather(): Batch {
    const ids = new Set<string>();
    const users = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.#gathering = null;
      return this.#select([...ids]);
    });
    return { ids, users };
  }

  async #select(ids: string[]): Promise<Map<string, UserWithInstallations>> {
    try {
      const { rows } = await this.#database.query<UserRow>(SELECT_USERS, [ids]);
      return new Map(rows.map((row) => [row.id, new UserWithInstallations(row)]));
    } catch (error) {
      throw isDatabaseUnavailable(error)
        ? new CodedError('SERVICE_UNAVAILABLE', { cause: error })
        : error;
    }
  }
}
