import { AT_ONCE } from '../database/create-pool.js';
import type { Database } from '../database/database.js';
import { SharedReader } from '../database/shared-reader.js';
import { isoText } from '../date-time.js';

/** What the table of users says of one. */
export interface UserRow {
  readonly id: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

const SELECT_USERS = `
  SELECT id, ${isoText('created_at', 'updated_at')} AS "createdAt",
    ${isoText('updated_at', 'created_at')} AS "updatedAt"
  FROM neptun_user WHERE id = ANY(ARRAY(SELECT json_array_elements_text($1::json)))`;

/** Reads users themselves: few ask for more than their installations. */
export class UserReader extends SharedReader<UserRow, UserRow> {
  constructor(database: Pick<Database, 'query'>) {
    super(database, {
      shared: SELECT_USERS,
      apart: SELECT_USERS,
      atOnce: AT_ONCE.users,
      combine: ([row]) => row as UserRow,
      isLarge: () => false,
    });
  }
}
