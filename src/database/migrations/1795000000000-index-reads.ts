import type { MigrationInterface, QueryRunner } from 'typeorm';

const NAME = 'github_app_installation_read_idx';

/** A covering index in the order of the answer. It blocks writers: on a large table, build it `CONCURRENTLY` before. */
export class IndexReads1795000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // IF NOT EXISTS first waits for writers and requires ownership, and accepts an invalid index.
    const [made] = await runner.query(
      'SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)',
      [NAME],
    );
    if (made?.indisvalid) return;
    if (made)
      throw new Error(
        `${NAME} is invalid, as its build was interrupted: run DROP INDEX CONCURRENTLY ${NAME}, then start again`,
      );
    await runner.query(`
      CREATE INDEX ${NAME} ON github_app_installation (neptun_user_id, id)
        INCLUDE (github_installation_id, created_at, updated_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    // An operator may have dropped it.
    await runner.query(`DROP INDEX IF EXISTS ${NAME}`);
  }
}
