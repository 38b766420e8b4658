import { CodedError } from '../errors.js';
import { type Context, unauthenticated } from '../session/context.js';

declare const permitted: unique symbol;

/** A user whom the viewer may read, not yet known to exist. Readers take nothing else. */
export interface PermittedUser {
  readonly id: string;
  readonly [permitted]: true;
}

/** The access rule: a viewer may read their own user only. @throws {CodedError} `UNAUTHENTICATED` or `NOT_FOUND` */
export function permit(context: Context, userId: string): PermittedUser {
  const { viewer } = context;
  if (viewer === null) throw unauthenticated(context);
  // Before any SQL: neither the answer nor its timing shows whether the id exists.
  if (viewer.id !== userId) throw new CodedError('NOT_FOUND');
  return viewer as PermittedUser;
}

/** @throws {CodedError} `NOT_FOUND` where a reader has found no such user */
export function found<Value>(value: Value | null): Value {
  if (value === null) throw new CodedError('NOT_FOUND');
  return value;
}
