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
  /** Its place among the pieces of who is read apart, from 0. */
  readonly piece: number;
}

/** The users asked for, with what is the same in all of their objects (`OFFSET 0`: written once, not for each). */
const USERS = `(
  SELECT id, ',"neptun_user_id":' || to_json(id) || ',"github_installation_id":"' AS middle
  FROM json_array_elements_text($1::json) AS id OFFSET 0
) u`;

/** Installations, but for what begins the first and ends the last: what stands between two is the delimiter. */
const ITEMS = `string_agg(
  i.id || u.middle || github_installation_id
    || '","created_at":"' || ${isoText('created_at', 'updated_at')}
    || '","updated_at":"' || ${isoText('updated_at', 'created_at')}, '"},{"id":')`;

/** `[]` for a user who has none; of nobody there is no row. */
const NONE = `(SELECT '[]' FROM neptun_user WHERE id = u.id)`;

/**
 * PostgreSQL writes the answer's JSON, as `JSON.stringify` would: nothing is parsed and written again
 * on its way to REST. Whoever has installations is a user, by the foreign key: only for the others the
 * table of users is looked at.
 */
const SELECT_INSTALLATIONS = `
  SELECT * FROM (
    SELECT id, coalesce((
      SELECT '[{"id":' || ${ITEMS} || '"}]'
      FROM (SELECT * FROM github_app_installation WHERE neptun_user_id = u.id ORDER BY id) i
    ), ${NONE}) AS "installationsJson"
    FROM ${USERS} OFFSET 0
  ) u WHERE "installationsJson" IS NOT NULL`;

/** Installations in a piece: where users' ids are short, some 17,000 characters. */
const PIECE = 100;

/**
 * The same in pieces: V8 collects those while they are young. A text of a megabyte becomes long-lived, and soon
 * the whole heap is collected for it, which others wait for. First it finds where each piece begins, then it
 * reads each in the index's order: PostgreSQL sorts none of the texts, which might take room on its disk.
 */
const SELECT_PIECES = `
  SELECT * FROM (
    SELECT u.id, pieces.piece, coalesce(
      CASE pieces.piece WHEN 0 THEN '[' ELSE ',' END || '{"id":' || (
        SELECT ${ITEMS} FROM (
          SELECT * FROM github_app_installation
          WHERE neptun_user_id = u.id AND id >= pieces.first_id AND github_installation_id IS NOT NULL
          ORDER BY id LIMIT ${PIECE}
        ) i
      ) || CASE WHEN pieces.is_last THEN '"}]' ELSE '"}' END, ${NONE}) AS "installationsJson"
    FROM ${USERS} LEFT JOIN LATERAL (
      SELECT (n / ${PIECE})::int AS piece, id AS first_id, lead(id) OVER (ORDER BY n) IS NULL AS is_last
      FROM (
        SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM github_app_installation
        WHERE neptun_user_id = u.id AND github_installation_id IS NOT NULL
      ) numbered WHERE n % ${PIECE} = 0
    ) pieces ON true OFFSET 0
  ) u WHERE "installationsJson" IS NOT NULL`;

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
        installationsJson: rows
          .sort((one, other) => one.piece - other.piece)
          .map((row) => row.installationsJson),
      }),
      isLarge: ({ installationsJson }) =>
        installationsJson.reduce((length, piece) => length + piece.length, 0) > LARGE,
    });
  }
}
