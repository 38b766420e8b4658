import type { Database } from '../database/database.js';
import { AT_ONCE } from '../database/pool.js';
import { SharedReader } from '../database/shared-reader.js';
import { isoText } from '../date-time.js';

/** A user's installations. */
export interface UserInstallations {
  /** The user's. */
  readonly id: string;
  /**
   * The documented REST answer: a JSON array of `InstallationItem`, ordered by id. Of very many it is in pieces,
   * and no item is in two of them.
   */
  readonly installationsJson: readonly string[];
}

interface Row {
  readonly id: string;
  readonly installationsJson: string;
}

/** The users asked for, with what is the same in all of their objects (`OFFSET 0`: written once, not for each). */
const USERS = `(
  SELECT id, ',"neptun_user_id":' || to_json(id) || ',"github_installation_id":"' AS middle
  FROM json_array_elements_text($1::json) AS id OFFSET 0
) u`;

/** Installations, but for what begins the first and ends the last: what stands between two is the delimiter. */
const items = (order: string) => `string_agg(
  i.id || u.middle || github_installation_id
    || '","created_at":"' || ${isoText('created_at', 'updated_at')}
    || '","updated_at":"' || ${isoText('updated_at', 'created_at')}, '"},{"id":' ${order})`;

/**
 * PostgreSQL writes the answer's JSON, as `JSON.stringify` would: nothing is parsed and written again
 * on its way to REST. Whoever has installations is a user, by the foreign key: only for the others the
 * table of users is looked at.
 */
const SELECT_INSTALLATIONS = `
  SELECT * FROM (
    SELECT id, coalesce((
      SELECT '[{"id":' || ${items('')} || '"}]'
      FROM (SELECT * FROM github_app_installation WHERE neptun_user_id = u.id ORDER BY id) i
    ), (SELECT '[]' FROM neptun_user WHERE id = u.id)) AS "installationsJson"
    FROM ${USERS} OFFSET 0
  ) u WHERE "installationsJson" IS NOT NULL`;

/** Installations in a piece, some 17,000 characters. */
const PIECE = 100;

/**
 * The same of one user, in pieces: V8 collects those while they are young. A text of a megabyte becomes
 * long-lived, and soon the whole heap is collected for it, which others wait for.
 */
const SELECT_PIECES = `
  SELECT id, "installationsJson" FROM (
    SELECT u.id, piece, CASE piece WHEN 0 THEN '[' ELSE ',' END || '{"id":' || ${items('ORDER BY i.id')} || '"}'
      AS "installationsJson"
    FROM ${USERS}, LATERAL (
      SELECT id, github_installation_id, created_at, updated_at,
        (row_number() OVER (ORDER BY id) - 1) / ${PIECE} AS piece
      FROM github_app_installation WHERE neptun_user_id = u.id
    ) i GROUP BY u.id, piece
    UNION ALL
    SELECT u.id, NULL,
      CASE WHEN EXISTS (SELECT FROM github_app_installation WHERE neptun_user_id = u.id) THEN ']' ELSE '[]' END
    FROM ${USERS} JOIN neptun_user USING (id)
  ) pieces ORDER BY piece`;

/** Characters of one user's installations, some 400 of them, beyond which they hold others up. */
const LARGE = 64 * 1024;

/** Reads users' installations. */
export class InstallationReader extends SharedReader<Row, UserInstallations> {
  constructor(database: Pick<Database, 'query'>) {
    super(database, {
      shared: SELECT_INSTALLATIONS,
      apart: SELECT_PIECES,
      atOnce: AT_ONCE.installations,
      combine: (rows) => ({
        id: (rows[0] as Row).id,
        installationsJson: rows.map((row) => row.installationsJson),
      }),
      isLarge: ({ installationsJson }) =>
        installationsJson.reduce((length, piece) => length + piece.length, 0) > LARGE,
    });
  }
}
