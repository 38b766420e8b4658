import { AT_ONCE } from '../database/create-pool.js';
import type { Database } from '../database/database.js';
import { SharedReader } from '../database/shared-reader.js';
import { isoText } from '../date-time.js';

/** A user's installations. */
export interface UserInstallations {
  /** The user's. */
  readonly id: string;
  /**
   * The documented REST answer: a JSON array of `InstallationItem`, ordered by id. Several such arrays, of up to
   * `PIECE` items, are of a user who was read apart.
   */
  readonly installationsJson: readonly string[];
}

interface Row {
  readonly id: string;
  readonly installationsJson: string;
  /** Of who is read apart: its place among the pieces, from 0. */
  readonly piece?: number;
}

/** The users asked for, with what is the same in all of their objects (`OFFSET 0`: written once, not for each). */
const USERS = `(
  SELECT id, ',"neptun_user_id":' || to_json(id) || ',"github_installation_id":"' AS middle
  FROM json_array_elements_text($1::json) AS id OFFSET 0
) u`;

/** A JSON array of installations. Two are as `{"id":1, … "},{"id":2, … "}`: what stands between them is the delimiter. */
const ARRAY = `'[{"id":' || string_agg(
  i.id || u.middle || github_installation_id
    || '","created_at":"' || ${isoText('created_at', 'updated_at')}
    || '","updated_at":"' || ${isoText('updated_at', 'created_at')}, '"},{"id":') || '"}]'`;

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
      SELECT ${ARRAY} FROM (
        SELECT * FROM github_app_installation WHERE neptun_user_id = u.id ORDER BY id
      ) i
    ), ${NONE}) AS "installationsJson"
    FROM ${USERS} OFFSET 0
  ) u WHERE "installationsJson" IS NOT NULL`;

/** Installations in a piece: where users' ids are short, some 17,000 characters. */
const PIECE = 100;

/**
 * The same in pieces: V8 collects those while they are young. A text of a megabyte becomes long-lived, and soon
 * the whole heap is collected for it, which others wait for. Rows are sorted, not their texts: some 50,000 of
 * them before PostgreSQL needs room on its disk.
 */
const SELECT_PIECES = `
  SELECT * FROM (
    SELECT u.id, piece, CASE WHEN piece IS NULL THEN ${NONE} ELSE items END AS "installationsJson"
    FROM ${USERS} LEFT JOIN LATERAL (
      SELECT i.piece, ${ARRAY} AS items FROM (
        SELECT id, github_installation_id, created_at, updated_at,
          ((row_number() OVER (ORDER BY id) - 1) / ${PIECE})::int AS piece
        FROM github_app_installation
        WHERE neptun_user_id = u.id AND id IS NOT NULL AND github_installation_id IS NOT NULL
        ORDER BY piece, id
      ) i GROUP BY i.piece
    ) pieces ON true OFFSET 0
  ) u WHERE "installationsJson" IS NOT NULL`;

/** Characters of one user's installations, some 400 of them: who has more is read apart from the next time on. */
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
          .sort(({ piece: one = 0 }, { piece: other = 0 }) => one - other)
          .map((row) => row.installationsJson),
      }),
      isLarge: ({ installationsJson }) =>
        installationsJson.reduce((length, piece) => length + piece.length, 0) > LARGE,
    });
  }
}
