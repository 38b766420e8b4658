import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { isDatabaseUnavailable, isStatementLate } from '../database/availability.js';
import type { Database } from '../database/database.js';
import { CodedError } from '../errors.js';
import { SHARED_STATEMENT_TIMEOUT, STATEMENT_TIMEOUT } from '../timeouts.js';
import { ReadQueue, type Reads } from './read-queue.js';

/** One installation, in the documented shape: these five keys, in this order. */
interface InstallationItem {
  id: number;
  neptun_user_id: string;
  github_installation_id: string;
  /** ISO 8601, UTC, milliseconds. */
  created_at: string;
  updated_at: string;
}

/**
 * An instant as ISO 8601 text in UTC, as JavaScript's `toISOString` writes it; NULL where infinite. The zone is
 * an interval because its name would be looked up for each value.
 */
const iso = (column: string) =>
  `to_char(${column} AT TIME ZONE INTERVAL '0', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
/** Never NULL, which `||` would spread to the whole answer: other programs may leave a time empty. */
const isoOr = (column: string, other: string) =>
  `coalesce(${iso(column)}, ${iso(other)}, '1970-01-01T00:00:00.000Z')`;

/**
 * PostgreSQL writes the answer's JSON, as `JSON.stringify` would: nothing is parsed and written again
 * on its way to REST. What is the same in all of a user's objects is written once (`OFFSET 0`: not moved
 * into the inner query), and what stands between two of them is the delimiter.
 */
const SELECT_USERS = `
  SELECT id, ${isoOr('created_at', 'updated_at')} AS created_at,
    ${isoOr('updated_at', 'created_at')} AS updated_at, coalesce((
    SELECT '[{"id":' || string_agg(
      i.id || u.middle || github_installation_id
        || '","created_at":"' || ${isoOr('i.created_at', 'i.updated_at')}
        || '","updated_at":"' || ${isoOr('i.updated_at', 'i.created_at')}, '"},{"id":') || '"}]'
    FROM (SELECT * FROM github_app_installation WHERE neptun_user_id = u.id ORDER BY id) i
  ), '[]') AS installations
  FROM (
    SELECT id, created_at, updated_at,
      ',"neptun_user_id":' || to_json(id) || ',"github_installation_id":"' AS middle
    FROM neptun_user WHERE id = ANY($1::text[]) OFFSET 0
  ) u`;

/** Characters of one user's installations, some 400 of them, beyond which they hold others up. */
const LARGE = 64 * 1024;
/** Users whose last read was difficult. */
const REMEMBERED_USERS = 10_000;

/** The name says the text: behind a pooler, another version's statement must not bear the same. */
const NAME = `select_users_${hash('sha256', SELECT_USERS).slice(0, 16)}`;

type UserReads = Reads<UserWithInstallations | null>;

interface UserRow {
  id: string;
  created_at: string;
  updated_at: string;
  /** A JSON array. */
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

/**
 * Reads users with their installations, those who are asked for at the same time by one SQL statement,
 * whichever requests ask. No row is kept: what is committed is seen by the next read.
 *
 * Whoever has very many installations, or has made a statement fail, is read by statements of their own, so
 * that others wait for nobody. That alone is remembered.
 */
export class InstallationReader {
  readonly #database: Pick<Database, 'query'>;
  readonly #difficult = new LRUCache<string, true>({ max: REMEMBERED_USERS });
  // Together they leave a connection of the pool to probes.
  readonly #shared = new ReadQueue<UserWithInstallations | null, UserRow>({
    size: 1_000,
    statements: 6,
    timeout: SHARED_STATEMENT_TIMEOUT,
    query: (userIds, timeout) => this.#select(userIds, timeout),
    succeeded: (reads, rows) => this.#answer(reads, rows),
    failed: (reads, cause) => {
      const mayBeOneOfThem = !isDatabaseUnavailable(cause) || isStatementLate(cause);
      if (mayBeOneOfThem) this.#separate(reads);
      else refuse(reads, cause);
    },
  });
  readonly #apart = new ReadQueue<UserWithInstallations | null, UserRow>({
    size: 1,
    statements: 3,
    timeout: STATEMENT_TIMEOUT,
    query: (userIds, timeout) => this.#select(userIds, timeout),
    succeeded: (reads, rows) => {
      for (const userId of reads.keys()) this.#difficult.delete(userId);
      this.#answer(reads, rows);
    },
    failed: refuse,
  });

  constructor(database: Pick<Database, 'query'>) {
    this.#database = database;
  }

  /**
   * @param userId a text that PostgreSQL can hold
   * @returns `null`: no such user
   * @throws {CodedError} `SERVICE_UNAVAILABLE`
   */
  read(userId: string): Promise<UserWithInstallations | null> {
    const queue = this.#difficult.has(userId) ? this.#apart : this.#shared;
    return queue.read(userId);
  }

  async #select(userIds: string[], timeout: number): Promise<UserRow[]> {
    const read = { name: NAME, timeout };
    return (await this.#database.query<UserRow>(SELECT_USERS, [userIds], read)).rows;
  }

  #answer(reads: UserReads, rows: UserRow[]): void {
    for (const row of rows) {
      if (row.installations.length > LARGE) this.#difficult.set(row.id, true);
      reads.get(row.id)?.resolve(new UserWithInstallations(row));
    }
    // V8 puts what `pg` keeps them in among the long-lived, and would put a kilobyte of each request there too.
    rows.length = 0;
    // Those that are answered already stay so: the rest do not exist.
    for (const read of reads.values()) read.resolve(null);
  }

  #separate(reads: UserReads): void {
    for (const [userId, read] of reads) {
      this.#difficult.set(userId, true);
      this.#apart.add(userId, read);
    }
  }
}

function refuse(reads: UserReads, cause: unknown): void {
  const unavailable = isDatabaseUnavailable(cause);
  const error = unavailable ? new CodedError('SERVICE_UNAVAILABLE', { cause }) : cause;
  for (const read of reads.values()) read.reject(error);
}
