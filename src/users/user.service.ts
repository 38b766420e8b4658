import type { Context } from '../context.js';
import { CodedError } from '../errors.js';
import type {
  InstallationReader,
  UserWithInstallations,
} from '../installations/installation.reader.js';
import type { Viewer } from '../session/viewer.js';

/** Bytes. PostgreSQL's index on the id holds no more, so that none can exist that is longer. */
const MAX_USER_ID_BYTES = 2_700;

/** Decides who may read which user. GraphQL and REST both ask here, and nothing reads around it. */
export class UserService {
  readonly #reader: InstallationReader;

  constructor(reader: InstallationReader) {
    this.#reader = reader;
  }

  /** The session's own user, with the installations. @throws {CodedError} as `find` does */
  async findViewer(context: Context): Promise<UserWithInstallations> {
    return this.find(context, context.viewer?.id ?? '');
  }

  /**
   * One user with the installations, read from the database now.
   *
   * @throws {CodedError} `UNAUTHENTICATED`, `NOT_FOUND` or `SERVICE_UNAVAILABLE`
   */
  async find(context: Context, userId: string): Promise<UserWithInstallations> {
    authorize(context.viewer, userId);
    context.ownUser ??= this.#reader.read(userId);
    const user = await context.ownUser;
    if (user === null) throw new CodedError('NOT_FOUND');
    return user;
  }
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
