import { CodedError } from '../errors.js';
import type {
  InstallationReader,
  UserInstallations,
} from '../installations/installation.reader.js';
import type { Context } from '../session/context.js';
import type { Viewer } from '../session/viewer.js';
import { READS_TIMEOUT } from '../timeouts.js';
import type { UserReader, UserRow } from './user.reader.js';

/** Bytes. PostgreSQL's index on the id holds no more, so that none can exist that is longer. */
const MAX_USER_ID_BYTES = 2_700;

export interface UserReaders {
  installations: InstallationReader;
  users: UserReader;
}

/** Decides who may read which user. GraphQL and REST both ask here, and nothing reads around it. */
export class UserService {
  readonly #readers: UserReaders;

  constructor(readers: UserReaders) {
    this.#readers = readers;
  }

  /** The session's own user, with the installations. @throws {CodedError} as `find` does */
  async findViewer(context: Context): Promise<UserInstallations> {
    return this.find(context, context.viewer?.id ?? '');
  }

  /**
   * One user with the installations, read from the database now.
   *
   * @throws {CodedError} `UNAUTHENTICATED`, `NOT_FOUND` or `SERVICE_UNAVAILABLE`
   */
  async find(context: Context, userId: string): Promise<UserInstallations> {
    authorize(context.viewer, userId);
    context.readsUntil ??= performance.now() + READS_TIMEOUT;
    context.ownInstallations ??= this.#readers.installations.read(userId);
    return found(await context.ownInstallations);
  }

  /** What the table of users says of one that was found. @throws {CodedError} as `find` does */
  async findRow(context: Context, userId: string): Promise<UserRow> {
    authorize(context.viewer, userId);
    context.readsUntil ??= performance.now() + READS_TIMEOUT;
    context.ownRow ??= this.#readers.users.read(userId, context.readsUntil);
    return found(await context.ownRow);
  }
}

function found<T>(value: T | null): T {
  if (value === null) throw new CodedError('NOT_FOUND');
  return value;
}

/**
 * Everyone may read themselves, and nobody else. A stranger's id is refused before any SQL, so
 * that neither the answer nor its timing tells whether it exists. Impossible ids never reach SQL.
 */
function authorize(viewer: Viewer | null, userId: string): void {
  if (viewer === null) throw new CodedError('UNAUTHENTICATED');
  if (viewer.id !== userId || !isPossibleUserId(userId)) throw new CodedError('NOT_FOUND');
}

/** PostgreSQL's text holds no NUL, and UTF-8 no lone surrogate, which would be read as U+FFFD. */
function isPossibleUserId(id: string): boolean {
  return Buffer.byteLength(id) <= MAX_USER_ID_BYTES && !id.includes('\0') && id.isWellFormed();
}
