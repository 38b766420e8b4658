import type { Database } from '../database/database.js';
import { AT_ONCE } from '../database/pool.js';
import { SharedReader } from '../database/shared-reader.js';
import { isoText } from '../date-time.js';

/** A user's installations. */
export interface UserInstallations {
  /** The user's. */
  readonly id: string;
  /** The documented REST answer: a JSON array of `InstallationItem`, ordered by id. */
  readonly installationsJson: string;
}

/**
 * PostgreSQL writes the answer's JSON, as `JSON.stringify` would: nothing is parsed and written again
 * on its way to REST. What is the same in all of a user's objects is written once (`OFFSET 0`: not moved
 * into the inner query), and what stands between two of them is the delimiter. Whoever has installations is
 * a user, by the foreign key: only for the others the table of users is looked at.
 */
const SELECT_INSTALLATIONS = `
  SELECT * FROM (
    SELECT id, coalesce((
      SELECT '[{"id":' || string_agg(
        i.id || u.middle || github_installation_id
          || '","created_at":"' || ${isoText('created_at', 'updated_at')}
          || '","updated_at":"' || ${isoText('updated_at', 'created_at')}, '"},{"id":') || '"}]'
      FROM (SELECT * FROM github_app_installation WHERE neptun_user_id = u.id ORDER BY id) i
    ), (SELECT '[]' FROM neptun_user WHERE id = u.id)) AS "installationsJson"
    FROM (
      SELECT id, ',"neptun_user_id":' || to_json(id) || ',"github_installation_id":"' AS middle
      FROM json_array_elements_text($1::json) AS id OFFSET 0
    ) u OFFSET 0
  ) u WHERE "installationsJson" IS NOT NULL`;

/** Characters of one user's installations, some 400 of them, beyond which they hold others up. */
const LARGE = 64 * 1024;

/** Reads users' installations. */
export class InstallationReader extends SharedReader<UserInstallations> {
  constructor(database: Pick<Database, 'query'>) {
    super(database, {
      text: SELECT_INSTALLATIONS,
      atOnce: AT_ONCE.installations,
      isLarge: ({ installationsJson }) => installationsJson.length > LARGE,
    });
  }
}
