import { AsyncResource } from 'node:async_hooks';
import { hash } from 'node:crypto';
import {
  DatabaseBusyError,
  isDatabaseLate,
  isDatabaseUnavailable,
} from '../database/availability.js';
import type { Database } from '../database/database.js';
import { CodedError } from '../errors.js';
import { statements } from '../operations/events.js';
import { SHARED_STATEMENT_PATIENCE, STATEMENT_TIMEOUT, TURN_TIMEOUT } from '../timeouts.js';

/** One installation, in the documented shape: these five keys, in this order. */
interface InstallationItem {
  id: number;
  neptun_user_id: string;
  github_installation_id: string;
  /** ISO 8601, UTC, milliseconds. */
  created_at: string;
  updated_at: string;
}

/** An instant as ISO 8601 text in UTC, as JavaScript's `toISOString` writes it; NULL where infinite. */
const iso = (column: string) =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
/** Never NULL, which `||` would spread to the whole answer: other programs may leave a time empty. */
const isoOr = (column: string, other: string) =>
  `coalesce(${iso(column)}, ${iso(other)}, '1970-01-01T00:00:00.000Z')`;

/**
 * PostgreSQL writes the answer's JSON, as `JSON.stringify` would: nothing is parsed and written again
 * on its way to REST.
 */
const SELECT_USERS = `
  SELECT u.id, ${isoOr('u.created_at', 'u.updated_at')} AS created_at,
    ${isoOr('u.updated_at', 'u.created_at')} AS updated_at, (
    SELECT string_agg(
      '{"id":' || id || ',"neptun_user_id":' || to_json(neptun_user_id)
        || ',"github_installation_id":"' || github_installation_id
        || '","created_at":"' || ${isoOr('created_at', 'updated_at')}
        || '","updated_at":"' || ${isoOr('updated_at', 'created_at')} || '"}', ',')
    FROM (SELECT * FROM github_app_installation WHERE neptun_user_id = u.id ORDER BY id) i
  ) AS installations
  FROM neptun_user u WHERE u.id = ANY($1::text[])`;

/** Statements under way at a time, at most. */
const MAX_STATEMENTS = 8;
/** Reads that are worth a statement at once, in step with the one before. */
const WORTH_A_STATEMENT = 8;
/** Milliseconds after which a statement is slow, and those who wait get one of their own. */
const PATIENCE = 5;

/** Reads of one statement that may each get one of their own although nothing else is answered. */
const FEW = 64;
/** Statements of a single read that repeat a shared one: as many as leave the pool room for all others. */
const LANES = 2;
/** Milliseconds in which who has waited in vain is refused at once when asking again. */
const REFUSAL_HOLDS = 100;

/** The name says the text: behind a pooler, another version's statement must not bear the same. */
const NAME = `select_users_${hash('sha256', SELECT_USERS).slice(0, 16)}`;

interface UserRow {
  id: string;
  created_at: string;
  updated_at: string;
  /** JSON objects, comma separated; `null`: none. */
  installations: string | null;
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
    this.installationsJson = `[${row.installations ?? ''}]`;
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

/** A user that is asked for, by one request or several at once. */
interface Read {
  readonly promise: Promise<UserWithInstallations | null>;
  resolve(user: UserWithInstallations | null): void;
  reject(error: unknown): void;
}

/**
 * Reads users with their installations. What is asked for while the statements before are under way,
 * by whichever requests, goes into one SQL statement. Nothing is kept: a row that is committed is seen
 * by the next read.
 */
export class InstallationReader {
  readonly #database: Pick<Database, 'query'>;
  #waiting = new Map<string, Read>();
  /** The first who waits: traces show the statement under that request, not under the one before. */
  #first = new AsyncResource('InstallationReader');
  #statements = 0;
  #turnEnd: NodeJS.Immediate | undefined;
  #patienceEnd: NodeJS.Timeout | undefined;
  #turnTimeout: NodeJS.Timeout | undefined;
  #answered = 0;
  /** To be read by statements of their own, in turn. */
  readonly #alone = new Map<Read, string>();
  #lanes = 0;
  /** Those who have waited in vain, a moment ago. */
  readonly #refused = new Map<string, Read>();

  constructor(database: Pick<Database, 'query'>) {
    this.#database = database;
  }

  /**
   * @param userId a text that PostgreSQL can hold
   * @returns `null`: no such user
   * @throws {CodedError} `SERVICE_UNAVAILABLE`
   */
  read(userId: string): Promise<UserWithInstallations | null> {
    const asked = this.#refused.get(userId) ?? this.#waiting.get(userId);
    if (asked) return asked.promise;
    if (this.#waiting.size === 0) this.#first = new AsyncResource('InstallationReader');
    const read = newRead();
    this.#waiting.set(userId, read);
    this.#schedule();
    return read.promise;
  }

  /**
   * One statement at a time carries the most requests. Only a slow one, of somebody with thousands of
   * installations or behind a bad network, is not waited for.
   */
  #schedule(): void {
    if (this.#waiting.size === 0) return;
    if (this.#statements === MAX_STATEMENTS)
      this.#turnTimeout ??= setTimeout(this.#refuseWaiting, TURN_TIMEOUT);
    else if (this.#statements === 0) this.#turnEnd ??= setImmediate(this.#send);
    else this.#patienceEnd ??= setTimeout(this.#send, PATIENCE);
  }

  #send = async (): Promise<void> => {
    const reads = this.#takeWaiting();
    this.#statements++;
    const started = performance.now();
    let rows: UserRow[];
    const separation = this.#separateIfSlow(reads);
    try {
      const ids = [...reads.keys()];
      ({ rows } = await this.#first.runInAsyncScope(() =>
        this.#database.query<UserRow>(SELECT_USERS, [ids], NAME),
      ));
    } catch (cause) {
      if (reads.size > 1 && !isDatabaseUnavailable(cause)) this.#separate(reads);
      else this.#refuse(reads, cause);
      return;
    } finally {
      clearTimeout(separation);
      this.#next();
      if (statements.hasSubscribers)
        statements.publish({ users: reads.size, milliseconds: performance.now() - started });
    }
    this.#answered++;
    for (const row of rows) reads.get(row.id)?.resolve(new UserWithInstallations(row));
    // Those that are answered already stay so: the rest do not exist.
    for (const read of reads.values()) read.resolve(null);
  };

  #takeWaiting(): Map<string, Read> {
    clearImmediate(this.#turnEnd);
    clearTimeout(this.#patienceEnd);
    clearTimeout(this.#turnTimeout);
    this.#turnEnd = this.#patienceEnd = this.#turnTimeout = undefined;
    const reads = this.#waiting;
    this.#waiting = new Map();
    return reads;
  }

  /** No statement has ended for so long that none can be sent: the callers have waited enough. */
  #refuseWaiting = (): void => {
    this.#refuse(this.#takeWaiting(), new DatabaseBusyError());
  };

  /**
   * Unless the database itself hangs, so that no other statement was answered meanwhile: more statements
   * would not help.
   */
  #separateIfSlow(reads: Map<string, Read>): NodeJS.Timeout | undefined {
    if (reads.size === 1) return undefined;
    const answered = this.#answered;
    return setTimeout(() => {
      if (this.#answered > answered || reads.size <= FEW) this.#separate(reads);
    }, SHARED_STATEMENT_PATIENCE);
  }

  /** One whose rows are slow or impossible to read must not fail the others of the same statement. */
  #separate(reads: Map<string, Read>): void {
    for (const [userId, read] of reads) this.#alone.set(read, userId);
    for (let lane = this.#lanes; lane < LANES; lane++) this.#readAlone();
    setTimeout(() => {
      const left = [...reads].filter(([, read]) => this.#alone.has(read));
      this.#refuse(new Map(left), new DatabaseBusyError());
    }, STATEMENT_TIMEOUT);
  }

  async #readAlone(): Promise<void> {
    this.#lanes++;
    for (const [read, userId] of this.#alone) {
      this.#alone.delete(read);
      try {
        const { rows } = await this.#database.query<UserRow>(SELECT_USERS, [[userId]], NAME);
        read.resolve(rows[0] ? new UserWithInstallations(rows[0]) : null);
      } catch (cause) {
        this.#refuse(new Map([[userId, read]]), cause);
      }
    }
    this.#lanes--;
  }

  /** Whoever came too late comes too late again: GraphQL's fast path leaves a failure to Apollo Server. */
  #refuse(reads: Map<string, Read>, cause: unknown): void {
    const unavailable = isDatabaseUnavailable(cause);
    const error = unavailable ? new CodedError('SERVICE_UNAVAILABLE', { cause }) : cause;
    for (const read of reads.values()) {
      this.#alone.delete(read);
      read.reject(error);
    }
    if (!isDatabaseLate(cause)) return;
    for (const [userId, read] of reads) this.#refused.set(userId, read);
    setTimeout(() => {
      for (const userId of reads.keys()) this.#refused.delete(userId);
    }, REFUSAL_HOLDS);
  }

  /** Before the answers are given out, so that the database works on the next ones meanwhile. */
  #next(): void {
    this.#statements--;
    if (this.#waiting.size >= WORTH_A_STATEMENT) this.#send();
    else this.#schedule();
  }
}

function newRead(): Read {
  const read = {} as { -readonly [key in keyof Read]: Read[key] };
  read.promise = new Promise((resolve, reject) => {
    read.resolve = resolve;
    read.reject = reject;
  });
  return read;
}
